/**
 * A pruned decoder as the library sees it: what pruning takes and gives besides is hidden, fed and taken here.
 * The order of outputs stays, as the library takes a conversation's length from the first cache among them.
 */
import {
  imageMaskInput,
  keepRatiosInput,
  keptOutput,
  maskOutput,
  type PrunePlan,
  pastMaskInput,
  ports,
  scoreOutput,
} from '@transprune/core';
import type { ModelPruning } from './options.js';
import {
  type RuntimeSession,
  type RuntimeTensor,
  type RuntimeTensors,
  tensorMaker,
} from './runtime.js';

/** One run of a decoder. */
export interface DecoderCall {
  /** For each row its tokens' images, 0 at text; undefined where no image came. */
  images?: readonly (readonly number[])[] | undefined;
  /** What each prune keeps; undefined if nothing is to be pruned. */
  readonly keepRatios?: readonly number[] | undefined;
  /** What the conversation carries from the run before. */
  readonly before?: Carried | undefined;
  /** What the run gave. */
  after?: Carried;
  /** What each prune kept and scored. */
  trace?: readonly StageTrace[];
}

/** What a conversation carries from run to run besides its caches. */
export interface Carried {
  /** Masks of the caches after each prune, where the decoder serves batches. */
  readonly masks: readonly RuntimeTensor[];
  /** True once anything may have been dropped. */
  readonly isPruned: boolean;
}

/** Of all rows of a run. */
export interface StageTrace {
  /** `[rows, kept]` with -1 at padding, or `[kept]`. */
  readonly kept: RuntimeTensor;
  /** `[rows, tokens]` */
  readonly scores: RuntimeTensor;
}

/** How a decoder was pruned. */
type Pruned = Pick<ModelPruning, 'plan' | 'moved'>;

export interface PrunedSession extends RuntimeSession, Pruned {
  /** True for a decoder that takes several rows. */
  readonly takesRows: boolean;
  /** The same session for one call, which it feeds and writes to. */
  for(call: DecoderCall): RuntimeSession;
}

/** Hides what pruning added to a session. */
export function prunedSession(session: RuntimeSession, { plan, moved }: Pruned): PrunedSession {
  const stages = plan.stages.map((_, stage) => stage);
  const masks = stages.map(maskOutput).filter((name) => session.outputNames.includes(name));
  const traces = stages.flatMap((stage) => [keptOutput(stage), scoreOutput(stage)]);
  const hidden = new Set([
    ...[imageMaskInput, keepRatiosInput],
    ...stages.map(pastMaskInput),
    ...masks,
    ...traces,
  ]);
  const outputNames = session.outputNames.filter((name) => !hidden.has(name));
  const run = async (feeds: RuntimeTensors, call: DecoderCall) => {
    const wantsTrace = call.images !== undefined && call.keepRatios !== undefined;
    const added = plan.stages.length > 0 ? addedFeeds(feeds, call, plan, masks.length) : {};
    const wanted = [...outputNames, ...masks, ...(wantsTrace ? traces : [])];
    const results = await session.run({ ...feeds, ...added }, wanted);
    const taken = (name: string) => results[name] as RuntimeTensor;
    call.after = {
      masks: masks.map(taken),
      isPruned: call.before?.isPruned === true || dropsTokens(call),
    };
    if (wantsTrace) {
      call.trace = stages.map((stage) => ({
        kept: taken(keptOutput(stage)),
        scores: taken(scoreOutput(stage)),
      }));
    }
    return Object.fromEntries(outputNames.map((name) => [name, taken(name)]));
  };
  const shown = {
    plan,
    moved,
    takesRows: masks.length > 0,
    outputNames,
    inputNames: session.inputNames.filter((name) => !hidden.has(name)),
    inputMetadata: session.inputMetadata.filter(({ name }) => !hidden.has(name)),
    run: (feeds: RuntimeTensors) => run(feeds, {}),
    release: () => session.release(),
  };
  return {
    ...shown,
    for: (call) => ({ ...shown, run: (feeds) => run(feeds, call) }),
  };
}

/** False where every ratio is 1: then nothing is scored either, and the decoder is the unpruned one. */
const dropsTokens = ({ images, keepRatios }: DecoderCall) =>
  images !== undefined && keepRatios?.some((ratio) => ratio < 1) === true;

function addedFeeds(
  feeds: RuntimeTensors,
  call: DecoderCall,
  { stages }: PrunePlan,
  maskCount: number,
): RuntimeTensors {
  const make = tensorMaker(feeds);
  const [rows = 1, tokens = 1] = feeds[ports.embeddings]?.dims ?? [];
  const images = dropsTokens(call) ? call.images?.flat() : undefined;
  const ratios = call.keepRatios ?? stages.map(() => 1);
  const masks = stages.slice(0, maskCount).map((_, stage) => {
    const known = call.before?.isPruned ? call.before.masks[stage] : undefined;
    return [pastMaskInput(stage), known ?? pastMask(feeds, rows, tokens)] as const;
  });
  return {
    [imageMaskInput]: make.int64(images ?? zeros(rows * tokens), [rows, tokens]),
    [keepRatiosInput]: make.float32(ratios, [ratios.length]),
    ...Object.fromEntries(masks),
  };
}

const zeros = (count: number) => new Array<number>(count).fill(0);

/** The mask of what came before, as the library has it; right wherever nothing was dropped. */
function pastMask(feeds: RuntimeTensors, rows: number, tokens: number): RuntimeTensor {
  const { data = [], dims = [] } = feeds[ports.attentionMask] ?? {};
  const total = dims[1] ?? tokens;
  const past = total - tokens;
  const row = (at: number) => Array.from({ length: past }, (_, i) => data[at * total + i] ?? 0);
  const values = Array.from({ length: rows }, (_, at) => row(at)).flat();
  return tensorMaker(feeds).int64(values, [rows, past]);
}
