import { TransPruneError } from '@transprune/core';
import { z } from 'zod';
import type { Trace } from './trace.js';

const numbers = z.array(z.number());
const counts = z.array(z.number().int().min(0));
const answer = z.object({
  text: z.string(),
  finishReason: z.string(),
  tokens: z.number(),
  pictureSize: z.number(),
  firstTokenMs: z.number(),
  visionMs: z.number(),
  prefillMs: z.number(),
  firstStepMs: z.number(),
  tokensPerSecond: z.number(),
  imageTokensPerLayer: counts,
  kvCacheBytes: z.number(),
  multiplyAdds: z.number(),
});
const moduleMaps = z.object({ magnitude: numbers, direction: numbers });
const stage = z.object({
  afterLayer: z.number().int().min(1),
  keepRatio: z.number(),
  candidates: counts,
  kept: counts,
  scores: numbers,
  parts: z.object({ transition: numbers, instruction: numbers }).optional(),
});
const traceSchema = z.object({
  format: z.literal('transprune-trace'),
  version: z.literal(1),
  model: z.string(),
  device: z.string(),
  question: z.string(),
  picture: z.object({
    name: z.string(),
    width: z.number().positive(),
    height: z.number().positive(),
    url: z.string().regex(/^data:image\/[a-z+.-]+;base64,/, 'expected a data: URL of a picture'),
  }),
  grid: z.object({ columns: z.number().int().min(1), rows: z.number().int().min(1) }),
  plan: z.looseObject({ stages: z.array(z.looseObject({})) }),
  imageTokens: z.number().int(),
  textTokens: z.number().int(),
  unpruned: answer.optional(),
  pruned: answer,
  stages: z.array(stage),
  layers: z.array(z.object({ layer: z.number().int(), attention: moduleMaps, ffn: moduleMaps })),
});

/**
 * Reads a trace's JSON.
 *
 * @throws TransPruneError INVALID_ARGUMENT that names the field, what was expected and what came
 */
export function parseTrace(text: string): Trace {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid(`no JSON: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
  const found = traceSchema.safeParse(json);
  if (!found.success) throw invalid(z.prettifyError(found.error), found.error);
  const trace = found.data as unknown as Trace;
  const { columns, rows } = trace.grid;
  const places = columns * rows;
  const outside = trace.stages.flatMap(({ candidates }) => candidates).find((at) => at >= places);
  if (outside !== undefined) throw invalid(`patch ${outside} of a grid of ${columns} x ${rows}`);
  const uneven = trace.stages.find(({ candidates, scores }) => candidates.length !== scores.length);
  if (uneven)
    throw invalid(`${uneven.scores.length} scores of ${uneven.candidates.length} patches`);
  return trace;
}

function invalid(found: string, cause?: unknown): TransPruneError {
  return new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a trace, as the page and transprune visualize write it, got: ${found}`,
    {},
    { cause },
  );
}
