/** The JSON of a benchmark, as `transprune bench --json` and the page write it. */
import { TransPruneError } from '@transprune/core';
import { z } from 'zod';
import { medianRange } from './statistics.js';
import { type BenchTimes, speedupsOf } from './times.js';

/** A number of something for a prefill and for a decode step. */
export interface RunCount {
  readonly prefill: number;
  readonly step: number;
}

type Variant = 'baseline' | 'pruned';

/** What was measured, and on what. */
export interface BenchDocument extends BenchTimes {
  readonly model: string;
  /** Of a synthetic decoder's weights; null for a model that was given. */
  readonly precision: string | null;
  readonly preset: string | null;
  readonly sizes: { readonly layers: number; readonly hiddenSize: number };
  readonly imageTokens: number;
  readonly textTokens: number;
  readonly stages: readonly {
    readonly afterLayer: number;
    readonly keepRatio: number;
    readonly imageTokens: number;
  }[];
  readonly device: string;
  readonly threads: number;
  readonly runs: number;
  readonly warmups: number;
  /** Counted multiply-adds of the unpruned prefill over those of the pruned one, without scoring; null if not counted. */
  readonly flopsBoundSpeedup: number | null;
  /** Nodes that were executed, where the runtime tells. */
  readonly nodes?: Readonly<
    Record<Variant, Readonly<Record<keyof RunCount, { readonly nodes: number }>>>
  >;
  /** Kernels that were sent to a graphics card, where they were counted. */
  readonly dispatches?: Readonly<Record<Variant, RunCount>>;
  /** Most memory that opening and a prefill take, in bytes, where it was measured. */
  readonly peakBytes?: Readonly<Record<Variant, number>>;
}

const ms = z.number().min(0);
const summary = z.object({ median: ms, min: ms, max: ms, values: z.array(ms).min(1) });
const range = z.tuple([z.number(), z.number()]);
const nodes = z.object({ nodes: z.number() });
const variants = <T extends z.ZodType>(of: T) => z.object({ baseline: of, pruned: of });

const schema = z.object({
  model: z.string(),
  precision: z.string().nullable(),
  preset: z.string().nullable(),
  sizes: z.looseObject({ layers: z.number(), hiddenSize: z.number() }),
  imageTokens: z.number().int(),
  textTokens: z.number().int(),
  stages: z.array(
    z.object({ afterLayer: z.number(), keepRatio: z.number(), imageTokens: z.number() }),
  ),
  device: z.string(),
  threads: z.number().int(),
  runs: z.number().int(),
  warmups: z.number().int(),
  flopsBoundSpeedup: z.number().positive().nullable(),
  baselineMs: ms,
  oracleMs: ms,
  prunedMs: ms,
  speedup: z.number().positive(),
  // Files of before it was written have the rounds that it comes of.
  speedupRange: range.optional(),
  scoringOverhead: z.number(),
  scoringOverheadRange: range,
  decode: z.object({
    stepsPerRun: z.number().int(),
    baselineMs: ms,
    prunedMs: ms,
    ratio: z.number(),
    ratioRange: range,
  }),
  prefillTimes: z.object({ baseline: summary, oracle: summary, pruned: summary }),
  decodeTimes: variants(summary),
  nodes: variants(z.object({ prefill: nodes, step: nodes })).optional(),
  dispatches: variants(z.object({ prefill: z.number(), step: z.number() })).optional(),
  peakBytes: variants(z.number()).optional(),
});

/**
 * Reads a benchmark's JSON; fields that are not known are left out.
 *
 * @throws TransPruneError INVALID_ARGUMENT that names the field, what was expected and what came
 */
export function parseBench(text: string): BenchDocument {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid(`no JSON: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
  const found = schema.safeParse(json);
  if (!found.success) throw invalid(z.prettifyError(found.error), found.error);
  const { baseline, pruned } = found.data.prefillTimes;
  const speedupRange =
    found.data.speedupRange ?? medianRange(speedupsOf(baseline.values, pruned.values));
  return { ...found.data, speedupRange } as BenchDocument;
}

function invalid(found: string, cause: unknown): TransPruneError {
  return new TransPruneError(
    'INVALID_ARGUMENT',
    `expected the JSON of a benchmark, as transprune bench --json writes it, got: ${found}`,
    {},
    { cause },
  );
}
