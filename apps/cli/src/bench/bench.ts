/** The benchmark: a decoder against itself, pruned, and against an oracle that need not score. */
import { type PrunePlan, TransPruneError } from '@transprune/core';
import { type Decoder, type OnnxModel, pruneModel } from '@transprune/onnx';
import type { Backend, ModelSource, Session } from '@transprune/session';
import { openSession } from '@transprune/session';
import type { Io } from '../io.js';
import { type TemporaryFolders, temporaryModel } from '../model/temporary.js';
import { countdown } from '../progress.js';
import type { Terminal } from '../terminal.js';
import { keptIndices } from './kept.js';
import { type Measurements, measure } from './measure.js';
import { peakOfPrefill } from './memory.js';
import { type ExecutedNodes, executedNodes } from './nodes.js';
import type { PromptSizes } from './prompt.js';
import { byRound, median, medianRange, type Summary, summary } from './statistics.js';

export interface BenchOptions {
  readonly path: string;
  readonly original: OnnxModel;
  readonly decoder: Decoder;
  readonly plan: PrunePlan;
  readonly sizes: PromptSizes;
  readonly backend: Backend;
  readonly device: string;
  /** Of the CPU. */
  readonly threads: number;
  readonly runs: number;
  readonly warmups: number;
  readonly decodeSteps: number;
  readonly folders: TemporaryFolders;
  readonly terminal: Terminal;
  readonly signal: Io['signal'];
}

/** What was measured; times are in milliseconds, medians unless they say otherwise. */
export interface BenchResult {
  readonly device: string;
  readonly baselineMs: number;
  /** Drops the same tokens by constant indices, and scores nothing. */
  readonly oracleMs: number;
  readonly prunedMs: number;
  /** Median of the rounds' baseline over pruned. */
  readonly speedup: number;
  /** Median of the rounds' (pruned - oracle) / baseline. */
  readonly scoringOverhead: number;
  /** Where that median lies, with 95 %. */
  readonly scoringOverheadRange: readonly [number, number];
  /** Per token. */
  readonly decode: {
    readonly stepsPerRun: number;
    readonly baselineMs: number;
    readonly prunedMs: number;
    /** Median of the steps' pruned over baseline: below 1 is faster. */
    readonly ratio: number;
    /** Where that median lies, with 95 %. */
    readonly ratioRange: readonly [number, number];
  };
  /** Nodes that a prefill and a decode step execute. */
  readonly nodes: Readonly<Record<'baseline' | 'pruned', ExecutedNodes>>;
  /** Most memory that opening and a prefill take, in bytes. */
  readonly peakBytes: Readonly<Record<'baseline' | 'pruned', number>>;
  readonly prefillTimes: Readonly<Record<'baseline' | 'oracle' | 'pruned', Summary>>;
  readonly decodeTimes: Readonly<Record<'baseline' | 'pruned', Summary>>;
}

/** @throws TransPruneError DEVICE_UNAVAILABLE, and what the model is at fault of */
export async function runBench(options: BenchOptions): Promise<BenchResult> {
  const { original, path, plan, sizes, backend, device, threads, folders, terminal } = options;
  checkLength(options);
  const opened: Session[] = [];
  const open = async (source: ModelSource) => {
    const session = await openSession(backend, source, device);
    opened.push(session);
    return session;
  };
  const rewritten = async (rewrite: Parameters<typeof pruneModel>[2]) =>
    open(await temporaryModel(pruneModel(original, plan, rewrite).model, path, folders));
  try {
    terminal.info('asking the pruned decoder which tokens it keeps');
    const traced = await rewritten({ trace: true });
    const constantIndices = await keptIndices(traced, sizes, plan.stages.length);
    await traced.dispose();
    terminal.info(
      'opening the unpruned decoder, the oracle and the pruned decoder; measuring memory',
    );
    const pruned = await temporaryModel(pruneModel(original, plan).model, path, folders);
    const sessions = {
      baseline: await open({ path }),
      oracle: await rewritten({ constantIndices }),
      pruned: await open(pruned),
    };
    const peakOf = async (source: ModelSource, session: Session) =>
      peakOfPrefill(source, session, { sizes, threads, folder: await folders.create() });
    const peakBytes = {
      baseline: await peakOf({ path }, sessions.baseline),
      pruned: await peakOf(pruned, sessions.pruned),
    };
    terminal.info('counting nodes');
    const nodesOf = async (source: ModelSource) =>
      executedNodes(source, { device, threads, folder: await folders.create(), sizes });
    const nodes = { baseline: await nodesOf({ path }), pruned: await nodesOf(pruned) };
    const { runs, warmups, decodeSteps, signal } = options;
    const measured = await measure({
      sessions,
      decoding: ['baseline', 'pruned'],
      sizes,
      runs,
      warmups,
      decodeSteps,
      signal,
      onRound: countdown(terminal, 'round', warmups + runs),
    });
    terminal.progress('');
    const { device: ran } = sessions.pruned;
    return { device: ran, ...resultOf(measured, decodeSteps), peakBytes, nodes };
  } finally {
    await Promise.all(opened.map((session) => session.dispose()));
  }
}

function resultOf(
  { prefill, decode }: Measurements<'baseline' | 'oracle' | 'pruned'>,
  stepsPerRun: number,
): Omit<BenchResult, 'device' | 'peakBytes' | 'nodes'> {
  const { baseline, oracle, pruned } = prefill;
  const [before = [], after = []] = [decode.baseline, decode.pruned];
  const scoring = byRound((b = 0, o = 0, p = 0) => (p - o) / b, baseline, oracle, pruned);
  const ratios = byRound((b = 0, p = 0) => p / b, before, after);
  return {
    baselineMs: median(baseline),
    oracleMs: median(oracle),
    prunedMs: median(pruned),
    speedup: median(byRound((b = 0, p = 0) => b / p, baseline, pruned)),
    scoringOverhead: median(scoring),
    scoringOverheadRange: medianRange(scoring),
    decode: {
      stepsPerRun,
      baselineMs: median(before),
      prunedMs: median(after),
      ratio: median(ratios),
      ratioRange: medianRange(ratios),
    },
    prefillTimes: {
      baseline: summary(baseline),
      oracle: summary(oracle),
      pruned: summary(pruned),
    },
    decodeTimes: { baseline: summary(before), pruned: summary(after) },
  };
}

/** The rotary table ends somewhere; a longer sequence would read past it. */
function checkLength({ original, decoder, sizes, decodeSteps }: BenchOptions): void {
  const wanted = sizes.imageTokens + sizes.textTokens + decodeSteps;
  const table = decoder.layers.find(({ attention }) => attention)?.attention?.reading.fusedRotary
    ?.cos;
  const dims = original.graph?.initializer.find(({ name }) => name === table)?.dims;
  const positions = Number(dims?.[0] ?? Number.POSITIVE_INFINITY);
  if (wanted > positions) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected at most ${positions} tokens, which this decoder has positions for, got ${wanted} (image, text and decoded ones); lower --image-tokens, --text-tokens or --decode-steps`,
      { positions, got: wanted },
    );
  }
}
