import {
  BaseStreamer,
  InterruptableStoppingCriteria,
  type PreTrainedModel,
  type PreTrainedTokenizer,
} from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import { type ImageSource, loadImage } from './images.js';
import { quietly } from './model.js';
import type { Ask, PromptMaker } from './prompt.js';
import type { RecordedSessions } from './record.js';
import {
  type CacheReport,
  cacheReport,
  type PrunedStage,
  prunedStages,
  type Timings,
  timings,
} from './result.js';

/** A token as it appears, with the text that it completes (empty while a letter is unfinished). */
export interface GeneratedToken {
  readonly id: number;
  readonly text: string;
}

export type GenerateRequest = Ask & {
  /** In the order of their placeholders. */
  readonly images?: readonly ImageSource[];
  /** Longest answer in tokens; 128 if left out. */
  readonly maxNewTokens?: number;
  /** Above 0 to draw tokens at random, sharper the lower; the likeliest token if left out or 0. */
  readonly temperature?: number;
  readonly onToken?: (token: GeneratedToken) => void;
  /** Ends the answer behind the token that is being made. */
  readonly signal?: AbortSignal;
};

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
}

const defaultMaxNewTokens = 128;

/**
 * Answers one prompt. Calls on the same generator must not overlap.
 *
 * @throws TransPruneError NOT_FOUND or INVALID_IMAGE for an image, INVALID_ARGUMENT for a prompt whose
 *   placeholders don't match the images, INVALID_MODEL if image tokens and image features differ
 */
export async function generate(
  { model, prompts, recorded }: Generator,
  request: GenerateRequest,
): Promise<GenerateResult> {
  const { maxNewTokens = defaultMaxNewTokens, temperature = 0, signal } = request;
  if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `maxNewTokens must be a whole number from 1, got ${maxNewTokens}`,
      { field: 'maxNewTokens', got: maxNewTokens },
    );
  }
  const start = performance.now();
  const images = await Promise.all((request.images ?? []).map(loadImage));
  const prompt = prompts.render(request, images.length);
  const inputs = await prompts.prepare(prompt, images);
  const prepared = performance.now();

  const record = recorded.begin();
  const collected = new TokenCollector(prompts.tokenizer, request.onToken);
  const stopping = new InterruptableStoppingCriteria();
  const interrupt = () => stopping.interrupt();
  if (signal?.aborted) interrupt();
  signal?.addEventListener('abort', interrupt, { once: true });
  try {
    const options = {
      ...inputs,
      max_new_tokens: maxNewTokens,
      do_sample: temperature > 0,
      ...(temperature > 0 && { temperature }),
      stopping_criteria: stopping,
      streamer: collected,
    };
    await quietly(() =>
      model.generate(options as unknown as Parameters<PreTrainedModel['generate']>[0]),
    );
  } catch (cause) {
    throw explainMismatch(cause);
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
  const end = performance.now();

  const imagePositions: number[] = [];
  record.imageMask.forEach((flag, position) => {
    if (flag === 1n) imagePositions.push(position);
  });
  const promptTokens = inputs.input_ids.dims.at(-1) ?? 0;
  return {
    text: prompts.tokenizer.decode(collected.ids, { skip_special_tokens: true }).trim(),
    tokenIds: collected.ids,
    finishReason: finishReason(model, collected.ids, stopping.interrupted),
    prompt: {
      text: prompt,
      textTokens: promptTokens - imagePositions.length,
      imageTokens: imagePositions.length,
      imagePositions,
    },
    timings: timings(
      record,
      { start, prepared, first: collected.firstAt ?? end, end },
      collected.ids.length,
    ),
    cache: cacheReport(record),
    stages: prunedStages(record),
  };
}

/** Receives the ids from the generation loop: first the prompt's, then the answer's one by one. */
class TokenCollector extends BaseStreamer {
  readonly ids: number[] = [];
  /** When the first token of the answer came. */
  firstAt: number | undefined;
  private readonly tokenizer: PreTrainedTokenizer;
  private readonly onToken: GenerateRequest['onToken'];
  private sawPrompt = false;
  private shown = '';

  constructor(tokenizer: PreTrainedTokenizer, onToken: GenerateRequest['onToken']) {
    super();
    this.tokenizer = tokenizer;
    this.onToken = onToken;
  }

  override put(value: bigint[][]): void {
    if (!this.sawPrompt) {
      this.sawPrompt = true;
      return;
    }
    this.firstAt ??= performance.now();
    for (const id of value[0] ?? []) {
      this.ids.push(Number(id));
      this.onToken?.({ id: Number(id), text: this.newText() });
    }
  }

  override end(): void {}

  /** Text since the last call; a letter whose bytes are not complete yet waits for the next token. */
  private newText(): string {
    const text = this.tokenizer.decode(this.ids, { skip_special_tokens: true });
    if (text.endsWith('\ufffd')) return '';
    const added = text.slice(this.shown.length);
    this.shown = text;
    return added;
  }
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
