import {
  type DynamicCache,
  InterruptableStoppingCriteria,
  type PreTrainedModel,
} from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import { type GeneratedToken, TokenCollector } from './collector.js';
import { type ImageSource, loadImage } from './images.js';
import { quietly } from './model.js';
import type { Ask, ModelInputs, PromptMaker } from './prompt.js';
import { disposeMasks, type StageMasks } from './pruning-feeds.js';
import type { RecordedSessions, RunRecord } from './record.js';
import {
  type CacheReport,
  cacheReport,
  type PrunedStage,
  prunedStages,
  type Timings,
  timings,
} from './result.js';

/** What goes with a question. */
export interface GenerateOptions {
  /** In the order of their placeholders. */
  readonly images?: readonly ImageSource[];
  /**
   * What each prune keeps of the images, one ratio each in (0, 1], for decoders that take ratios as an
   * input; those of the decoder's plan if left out. All 1: everything is kept.
   */
  readonly keepRatios?: readonly number[];
  /** Longest answer in tokens; 128 if left out. */
  readonly maxNewTokens?: number;
  /** Above 0 to draw tokens at random, sharper the lower; the likeliest token if left out or 0. */
  readonly temperature?: number;
  readonly onToken?: (token: GeneratedToken) => void;
  /** Ends the answer behind the token that is being made. */
  readonly signal?: AbortSignal;
}

export type GenerateRequest = Ask & GenerateOptions;

/** `stop`: the model ended its answer; `length`: `maxNewTokens` did; `aborted`: the signal did. */
export type FinishReason = 'stop' | 'length' | 'aborted';

export interface GenerateResult {
  readonly text: string;
  /** Of the answer, with the end token if the model made one. */
  readonly tokenIds: readonly number[];
  readonly finishReason: FinishReason;
  readonly prompt: {
    readonly text: string;
    readonly textTokens: number;
    readonly imageTokens: number;
    /** Where the image tokens are in the prompt, ascending. */
    readonly imagePositions: readonly number[];
    /** For each image token, which image it is of, from 1. */
    readonly imageNumbers: readonly number[];
  };
  readonly timings: Timings;
  readonly cache: CacheReport;
  /** One for each prune of the decoder; empty if it prunes nothing or doesn't tell. */
  readonly stages: readonly PrunedStage[];
}

export interface Generator {
  readonly model: PreTrainedModel;
  readonly prompts: PromptMaker;
  readonly recorded: RecordedSessions;
  /**
   * What a request keeps of the images.
   *
   * @throws TransPruneError INVALID_ARGUMENT for ratios that the decoder can't take
   */
  keepRatios(requested: readonly number[] | undefined): readonly number[] | undefined;
}

const defaultMaxNewTokens = 128;

/**
 * Answers one prompt. Calls on the same generator must not overlap.
 *
 * @throws TransPruneError NOT_FOUND or INVALID_IMAGE for an image, INVALID_ARGUMENT for a prompt whose
 *   placeholders don't match the images or for ratios that the decoder can't take, INVALID_MODEL if
 *   image tokens and image features differ
 */
export async function generate(
  generator: Generator,
  request: GenerateRequest,
): Promise<GenerateResult> {
  const { prompts } = generator;
  const start = performance.now();
  const keepRatios = checkOptions(generator, request);
  const images = await Promise.all((request.images ?? []).map(loadImage));
  const text = prompts.render(request, images.length);
  const inputs = await prompts.prepare(text, images);
  const { result, state } = await answer(generator, request, { start, text, inputs, keepRatios });
  await disposeState(state);
  return result;
}

/**
 * Checks what can be checked before anything is run.
 *
 * @returns the ratios that the request is answered with
 * @throws TransPruneError INVALID_ARGUMENT
 */
export function checkOptions(
  { keepRatios }: Pick<Generator, 'keepRatios'>,
  { maxNewTokens = defaultMaxNewTokens, keepRatios: requested }: GenerateOptions,
): readonly number[] | undefined {
  if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `maxNewTokens must be a whole number from 1, got ${maxNewTokens}`,
      { field: 'maxNewTokens', got: maxNewTokens },
    );
  }
  return keepRatios(requested);
}

/** What an answer leaves behind: what a further prompt can go on top of. */
export interface DecoderState {
  readonly cache: DynamicCache;
  readonly masks: StageMasks;
}

/** Frees the caches. */
export async function disposeState({ cache, masks }: DecoderState): Promise<void> {
  await cache.dispose();
  disposeMasks(masks);
}

/** A prompt that is ready for the model. */
export interface Prepared {
  /** When work on the request began, as `performance.now()` counts. */
  readonly start: number;
  readonly text: string;
  /** With all tokens since the start of the conversation. */
  readonly inputs: ModelInputs;
  readonly keepRatios: readonly number[] | undefined;
  /** What the prompt goes on top of; it is taken over, and freed if the answer fails. */
  readonly state?: DecoderState | undefined;
}

/** Runs the model. Whoever called disposes the state that is left. */
export async function answer(
  { model, prompts, recorded }: Generator,
  { maxNewTokens = defaultMaxNewTokens, temperature = 0, signal, onToken }: GenerateOptions,
  { start, text, inputs, keepRatios, state }: Prepared,
): Promise<{ result: GenerateResult; state: DecoderState }> {
  const prepared = performance.now();
  const record = recorded.begin({ keepRatios, ...(state && { masks: state.masks }) });
  const collected = new TokenCollector(prompts.tokenizer, onToken);
  const stopping = new InterruptableStoppingCriteria();
  const interrupt = () => stopping.interrupt();
  if (signal?.aborted) interrupt();
  signal?.addEventListener('abort', interrupt, { once: true });
  let cache: DynamicCache;
  try {
    const options = {
      ...inputs,
      ...(state && { past_key_values: state.cache }),
      return_dict_in_generate: true,
      max_new_tokens: maxNewTokens,
      do_sample: temperature > 0,
      ...(temperature > 0 && { temperature }),
      stopping_criteria: stopping,
      streamer: collected,
    };
    const generated = await quietly(() =>
      model.generate(options as unknown as Parameters<PreTrainedModel['generate']>[0]),
    );
    cache = (generated as unknown as { past_key_values: DynamicCache }).past_key_values;
  } catch (cause) {
    if (state) await state.cache.dispose();
    disposeMasks(record.masks);
    throw explainMismatch(cause);
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
  const end = performance.now();
  return {
    result: {
      text: prompts.tokenizer.decode(collected.ids, { skip_special_tokens: true }).trim(),
      tokenIds: collected.ids,
      finishReason: finishReason(model, collected.ids, stopping.interrupted),
      prompt: { text, ...promptTokens(record) },
      timings: timings(
        record,
        { start, prepared, first: collected.firstAt ?? end, end },
        collected.ids.length,
      ),
      cache: cacheReport(record),
      stages: prunedStages(record),
    },
    state: { cache, masks: record.masks },
  };
}

function promptTokens({ images }: RunRecord): Omit<GenerateResult['prompt'], 'text'> {
  const imagePositions: number[] = [];
  const imageNumbers: number[] = [];
  images.forEach((image, position) => {
    if (image === 0n) return;
    imagePositions.push(position);
    imageNumbers.push(Number(image));
  });
  const imageTokens = imagePositions.length;
  return { textTokens: images.length - imageTokens, imageTokens, imagePositions, imageNumbers };
}

function finishReason(
  model: PreTrainedModel,
  ids: readonly number[],
  interrupted: boolean,
): FinishReason {
  const end = model._prepare_generation_config(null, {}).eos_token_id;
  const last = ids.at(-1);
  if (last !== undefined && [end ?? []].flat().includes(last)) return 'stop';
  return interrupted ? 'aborted' : 'length';
}

/** transformers.js counts image tokens against image features; its message gets a remedy. */
function explainMismatch(cause: unknown): unknown {
  const counts = /tokens: (\d+), features:? (\d+)/.exec(
    cause instanceof Error ? cause.message : '',
  );
  if (!counts) return cause;
  const [imageTokens, imageFeatures] = [Number(counts[1]), Number(counts[2])];
  return new TransPruneError(
    'INVALID_MODEL',
    `expected as many image tokens in the prompt as the vision encoder makes features, got ${imageTokens} and ${imageFeatures}; give the prompt a placeholder for each image, and check that processor_config.json belongs to the vision encoder`,
    { imageTokens, imageFeatures },
    { cause },
  );
}
