/** The benchmark: a decoder against itself, pruned, and against an oracle that need not score. */
import {
  type BenchTimes,
  benchTimes,
  keptIndices,
  measure,
  type PromptSizes,
} from '@transprune/bench';
import { counted, type PrunePlan, TransPruneError } from '@transprune/core';
import { type Decoder, type OnnxModel, pruneModel } from '@transprune/onnx';
import type { Backend, ModelSource, Session } from '@transprune/session';
import { openSession } from '@transprune/session';
import type { Io } from '../io.js';
import { type TemporaryFolders, temporaryModel } from '../model/temporary.js';
import { loggedCountdown } from '../progress.js';
import type { Terminal } from '../terminal.js';
import { peakOfPrefill } from './memory.js';
import { type ExecutedNodes, executedNodes } from './nodes.js';

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

/** What was measured. */
export interface BenchResult extends BenchTimes {
  readonly device: string;
  /** Nodes that a prefill and a decode step execute. */
  readonly nodes: Readonly<Record<'baseline' | 'pruned', ExecutedNodes>>;
  /** Most memory that opening and a prefill take, in bytes. */
  readonly peakBytes: Readonly<Record<'baseline' | 'pruned', number>>;
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
    terminal.info(`timing ${counted(runs, 'round')} after ${warmups} of warm-up`);
    const measured = await measure({
      sessions,
      decoding: ['baseline', 'pruned'],
      sizes,
      runs,
      warmups,
      decodeSteps,
      signal,
      onRound: loggedCountdown(terminal, 'round', warmups + runs),
    });
    terminal.progress('');
    const { device: ran } = sessions.pruned;
    return { device: ran, ...benchTimes(measured, decodeSteps), peakBytes, nodes };
  } finally {
    await Promise.all(opened.map((session) => session.dispose()));
  }
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
