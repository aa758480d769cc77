/**
 * Is a pruned decoder what it should be? Runs it on random embeddings against the original, against the
 * score on float64 arrays, and against a graph that is told which tokens to keep.
 */
import { type PrunePlan, settlePlan, TransPruneError } from '@transprune/core';
import {
  encodeModel,
  externalLocations,
  type OnnxModel,
  type PruneOptions,
  pruneModel,
  readDecoder,
} from '@transprune/onnx';
import type { Backend, ModelSource } from '@transprune/session';
import { checkAllKept } from './all-kept.js';
import type { Unpruned, Verification } from './context.js';
import { conversation, firstChunk, inOne, inTwo, promptParts, tokenParts } from './prompt.js';
import {
  compareTogether,
  outcomeOf,
  type VerifyCheck,
  type VerifyReport,
  wordsOf,
} from './report.js';
import { checkScores } from './scores.js';
import { isComparable, precisionOf, tolerancesFor } from './tolerance.js';
import { alone, createWorkbench } from './workbench.js';
import { checkWritten } from './written.js';

export interface VerifyRequest {
  readonly original: OnnxModel;
  readonly plan: PrunePlan;
  /** What the decoder was pruned with. */
  readonly options?: Omit<PruneOptions, 'constantIndices' | 'taps'>;
  /** The pruned decoder, as it was written; left out: what `pruneModel` makes. */
  readonly pruned?: ModelSource;
  readonly backend: Backend;
  /** One of the backend's devices; `auto` if left out. */
  readonly device?: string;
  /**
   * Turns a model that refers to the original's weights into one that can be opened. Left out: its
   * bytes, which does where the weights are inside.
   */
  readonly place?: (model: OnnxModel) => Promise<ModelSource>;
  /**
   * True: seconds in place of a thorough look. A short prompt and one step, everything kept and at the plan's
   * ratios; no second turn, no batch, and no conversation as a fresh prompt.
   */
  readonly quick?: boolean;
  /** Told what is being done, and how many of the steps are done. */
  readonly onProgress?: (step: string, done: number, all: number) => void;
}

/**
 * Verifies a pruned decoder. Graphs are opened one after the other, so that one at a time is in memory.
 *
 * @throws TransPruneError for an original that cannot be opened or pruned, or what `place` throws; what
 *   is wrong with the pruned decoder is in the report
 */
export async function verifyPruned(request: VerifyRequest): Promise<VerifyReport> {
  const { original, options = {}, place = placeBytes, quick = false } = request;
  const decoder = readDecoder(original);
  const plan = settlePlan(request.plan, decoder);
  const precision = precisionOf(original, decoder);
  const bench = createWorkbench(request.backend, request.device ?? 'auto', decoder);
  const ratios = plan.stages.map(({ keepRatio }) => keepRatio);
  const shared = { original, decoder, plan, options, place, ratios, bench, quick };
  const prunes = plan.stages.length > 0;
  const steps: readonly Step[] = prunes ? allSteps : [allSteps[0], allSteps[3]];
  const begin = (step: Step) => request.onProgress?.(step, steps.indexOf(step), steps.length);
  begin('running the original');
  const unpruned = await originalOf(() => runOriginal(shared));
  const tolerance = tolerancesFor(precision, unpruned.spread);
  const verification = { ...shared, tolerance, unpruned };
  const checks: VerifyCheck[] = [];
  if (prunes) begin('running it with everything kept');
  if (prunes) checks.push(...(await checkAllKept(verification)));
  if (prunes) begin('scoring again');
  const scored = prunes ? await checkScores(verification) : undefined;
  checks.push(...(scored?.checks ?? []));
  begin('running the pruned decoder');
  const pruned = request.pruned ?? (await place(pruneModel(original, plan, options).model));
  checks.push(...(await checkWritten(verification, pruned, scored)));
  const passed = checks.every((check) => check.passed);
  const noted = isComparable(precision, unpruned.spread)
    ? checks
    : checks.map((check) => withSpread(check, tolerance.otherCalls, unpruned.spread));
  return { passed, quick, device: bench.device(), precision, checks: noted };
}

type Step = (typeof allSteps)[number];

/** Each opens a graph. */
const allSteps = [
  'running the original',
  'running it with everything kept',
  'scoring again',
  'running the pruned decoder',
] as const;

/** What fails because the original differs from call to call says so. */
function withSpread(check: VerifyCheck, otherCalls: number, spread: number): VerifyCheck {
  const { passed, tolerance, difference, note } = check;
  if (passed || tolerance !== otherCalls || difference === null) return check;
  const reason = `not comparable: the original's own logits differ by ${spread.toPrecision(2)} from call to call`;
  return { ...check, note: note === undefined ? reason : `${note}; ${reason}` };
}

/** Runs of the original: one that does not run is no decoder to compare with. */
async function originalOf(run: () => Promise<Unpruned>): Promise<Unpruned> {
  try {
    return await run();
  } catch (error) {
    if (!TransPruneError.isInstance(error) || error.code !== 'RUN_FAILED') throw error;
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected an original that runs, so that the pruned decoder can be held against it; it failed before anything was pruned: ${wordsOf(error)}`,
      error.data,
      { cause: error },
    );
  }
}

async function runOriginal({
  original,
  decoder,
  plan,
  ratios,
  bench,
  place,
  quick,
}: Omit<Verification, 'unpruned' | 'tolerance'>): Promise<Unpruned> {
  const hasCache = decoder.layers.some(({ cache }) => cache?.pastKey !== undefined);
  return bench.open(await place(original), async (session) => {
    const embeddings = session.inputs.find(({ name }) => name === decoder.inputs.embeddings);
    const hidden = Number(embeddings?.shape[2]) || decoder.hiddenSize;
    const make: Unpruned['make'] = (layouts, seed, numbering) =>
      conversation(layouts, hidden, seed, decoder.positions === 'keep' ? numbering : 'plain');
    const numbering = plan.positions === 'renumber' ? 'plain' : 'grids';
    const tokens = quick ? [tokenParts] : [tokenParts, tokenParts];
    const whole = make([promptParts, ...(hasCache ? tokens : [])], 1, numbering);
    const answers = await bench.play(session, alone(whole), ratios);
    const joined = hasCache && !quick;
    const [together] = joined ? await bench.play(session, [[inOne(whole)]], ratios) : answers;
    const chunks = whole.flatMap((call, at) => (at === 0 ? inTwo(call, firstChunk) : [call]));
    return {
      hasCache,
      make,
      whole,
      answers,
      spread: joined && together ? (compareTogether(answers, together).difference ?? 0) : 0,
      chunks,
      chunkAnswers: hasCache
        ? await outcomeOf(() => bench.play(session, alone(chunks), ratios))
        : { failure: 'it takes no cache' },
    };
  });
}

async function placeBytes(model: OnnxModel): Promise<ModelSource> {
  const [location] = externalLocations(model);
  if (location === undefined) return { bytes: encodeModel(model) };
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a way to place graphs beside their weights, as the model keeps some in ${location}; pass place`,
    { location },
  );
}
