/**
 * Lets a model tell its pruned decoder which tokens are images. The class merges image features into the prompt
 * while a call is under way; each call is run on a view of the model of its own, which notes there what the
 * call's decoder is fed. So calls that overlap cannot mix.
 */
import {
  checkKeepRatios,
  createPlan,
  keptTokens,
  numberImages,
  type PrunePlan,
  TransPruneError,
  tokensPerImage,
} from '@transprune/core';
import type { ModelPruning, PrunedPrompt, PruningCall, PruningOptions } from './options.js';
import type { Carried, DecoderCall, PrunedSession } from './pruned-session.js';
import type { RuntimeTensor } from './runtime.js';

/** A tensor of the library. */
interface LibraryTensor extends RuntimeTensor {
  tolist(): bigint[][];
}

type Tensors = Readonly<Record<string, LibraryTensor | undefined>>;

/** What a call is given: tensors by the names of the class, a cache, and what it says about pruning. */
type ModelInputs = Readonly<Record<string, unknown>>;

/** What is used of a model of the library. */
export interface LibraryModel {
  readonly config: { readonly image_token_index?: number; readonly image_token_id?: number };
  readonly forward_params: string[];
  readonly sessions: Record<string, unknown>;
  pruning?: ModelPruning;
  forward(inputs: ModelInputs): Promise<Tensors>;
  _merge_input_ids_with_image_features?(parts: Tensors): Tensors;
  dispose(): Promise<unknown>;
}

/** Runs a model on its pruned decoder from now on. */
export function attachPruning(
  model: LibraryModel,
  session: PrunedSession,
  onPruned: PruningOptions['onPruned'],
): void {
  const { plan, moved } = session;
  const pruning: ModelPruning = { plan, moved, last: undefined };
  const carried = new WeakMap<object, Carried>();
  const { forward } = model;
  model.sessions.decoder_model_merged = session;
  model.pruning = pruning;
  // `generate` hands on what is named here.
  model.forward_params.push('pruning');
  model.forward = async ({ pruning: asked, ...inputs }) => {
    checkRows(inputs, session);
    const call: DecoderCall = {
      keepRatios: ratiosOf(asked as PruningCall | undefined, plan),
      before: carriedBy(inputs.past_key_values, carried),
    };
    const outputs = await forward.call(viewFor(model, session, call, inputs), inputs);
    const cache = Object.keys(outputs).find((name) => name.startsWith('present'));
    const tensor = outputs[cache ?? ''];
    if (tensor && call.after) carried.set(tensor, call.after);
    if (call.trace) {
      const last = promptsOf(call, plan);
      Object.assign(pruning, { last });
      onPruned?.(last);
    }
    return outputs;
  };
}

/** Notes that a model runs as the library made it; what calls say about pruning changes nothing. */
export function noPruning(model: LibraryModel, reason: string | undefined): void {
  model.pruning = {
    plan: createPlan({ stages: [] }),
    moved: [],
    last: undefined,
    ...(reason !== undefined && { reason }),
  };
}

/** The model as one call sees it. */
function viewFor(
  model: LibraryModel,
  session: PrunedSession,
  call: DecoderCall,
  { pixel_values: pixels }: ModelInputs,
): LibraryModel {
  const { image_token_index, image_token_id } = model.config;
  const imageToken = image_token_index ?? image_token_id ?? -1;
  const merge = (parts: Tensors) => {
    const perImage = tokensPerImage(
      (pixels as LibraryTensor | null)?.dims,
      parts.image_features?.dims,
    );
    call.images = parts.input_ids
      ?.tolist()
      .map((row) => numberImages(row.map(Number), imageToken, perImage));
    return model._merge_input_ids_with_image_features?.(parts);
  };
  const sessions = { ...model.sessions, decoder_model_merged: session.for(call) };
  return Object.create(model, {
    sessions: { value: sessions },
    _merge_input_ids_with_image_features: { value: merge },
  });
}

/** What the conversation of a cache carries; the library's tensors in it tell which one it is. */
function carriedBy(cache: unknown, carried: WeakMap<object, Carried>): Carried | undefined {
  const tensors: readonly object[] = Object.values(cache ?? {});
  const known = tensors.find((tensor) => carried.has(tensor));
  return known && carried.get(known);
}

/** @throws TransPruneError INVALID_ARGUMENT */
function ratiosOf(asked: PruningCall | undefined, { stages }: PrunePlan) {
  if (asked === false) return undefined;
  const { keepRatios, ...others } = (asked === true ? undefined : asked) ?? {};
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    // A name that is mistyped would leave the plan's ratios, and nobody would notice.
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected pruning to be false, or an object with keepRatios, got ${JSON.stringify(asked)}`,
      { field: 'pruning', got: asked },
    );
  }
  return keepRatios
    ? checkKeepRatios(keepRatios, stages.length)
    : stages.map(({ keepRatio }) => keepRatio);
}

/** @throws TransPruneError INVALID_ARGUMENT for several prompts on a decoder that takes one */
function checkRows({ input_ids }: ModelInputs, { takesRows }: PrunedSession): void {
  const rows = (input_ids as LibraryTensor | undefined)?.dims[0] ?? 1;
  if (takesRows || rows === 1) return;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected one prompt at a time for a decoder that was pruned without batch, or cannot be told of padding; got ${rows}`,
    { rows },
  );
}

function promptsOf(
  { images = [], trace = [] }: DecoderCall,
  { stages }: PrunePlan,
): PrunedPrompt[] {
  return images.map((row, at) => ({
    images: row,
    stages: trace.map(({ kept, scores }, stage) => ({
      afterLayer: stages[stage]?.afterLayer ?? 0,
      ...keptTokens(rowOf(kept, at, images.length), row),
      scores: rowOf(scores, at, images.length).map(Number),
    })),
  }));
}

function rowOf({ data }: RuntimeTensor, row: number, rows: number): (number | bigint)[] {
  const length = data.length / rows;
  return Array.from(data).slice(row * length, (row + 1) * length);
}
