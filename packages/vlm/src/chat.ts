import { type PreTrainedModel, Tensor } from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import {
  answer,
  checkOptions,
  type DecoderState,
  disposeState,
  type GenerateOptions,
  type GenerateResult,
  type Generator,
} from './generate.js';
import { loadImage } from './images.js';
import { type ChatMessage, type ModelInputs, userTurn } from './prompt.js';

/** What is asked next; its images are new ones. */
export type ChatTurn = { readonly question: string } & GenerateOptions;

export interface ChatOptions {
  /** What the conversation begins with, for models whose template has a place for it. */
  readonly system?: string;
}

/**
 * A conversation that keeps the decoder's caches: each turn runs its own tokens alone. What was pruned
 * in a turn stays pruned, so a later question is answered from what an earlier one left of its images.
 */
export interface Chat {
  /**
   * Asks, on top of all turns before. Of the result, `prompt` and `stages` are about the tokens that this
   * turn runs: the last one of the answer before, then what the question adds.
   *
   * @throws TransPruneError as `generate` does, INVALID_ARGUMENT behind a turn whose run failed, whose
   *   caches are lost
   */
  ask(turn: ChatTurn): Promise<GenerateResult>;
  /** Frees the caches. */
  dispose(): Promise<void>;
}

/** All turns so far. */
interface Conversation {
  readonly messages: readonly ChatMessage[];
  /** Of all turns, the answers' too. */
  readonly ids: readonly bigint[];
  /** True if the last answer ended with an end token. */
  readonly isClosed: boolean;
  /** Of all images, for models that count positions in them. */
  readonly grids: Tensor | undefined;
  readonly state: DecoderState;
}

/** Stands for the last answer in a prompt that is cut behind it. */
const answerMark = '\ue000';

/** Starts a conversation. Turns must not overlap each other or other calls on the generator. */
export function startChat(generator: Generator, { system }: ChatOptions): Chat {
  let conversation: Conversation | undefined;
  let ended: string | undefined;
  return {
    async ask(turn) {
      if (ended !== undefined) {
        throw new TransPruneError(
          'INVALID_ARGUMENT',
          `expected a conversation that can go on, got one that ${ended}; start another one`,
        );
      }
      const start = performance.now();
      const keepRatios = checkOptions(generator, turn);
      const images = await Promise.all((turn.images ?? []).map(loadImage));
      const before = conversation;
      const messages = [
        ...(before?.messages ?? firstMessages(system)),
        userTurn(turn.question, images.length),
      ];
      const text = newText(generator, messages, images.length, before !== undefined);
      const added = await generator.prompts.prepare(text, images, { goesOn: before !== undefined });
      const inputs = before ? onTop(added, before) : added;
      const restore = before ? keepNewImages(generator.model, added) : () => {};
      try {
        const { result, state } = await answer(generator, turn, {
          start,
          text,
          inputs,
          keepRatios,
          state: before?.state,
        });
        conversation = {
          messages: [...messages, { role: 'assistant', content: result.text }],
          ids: [...idsOf(inputs), ...result.tokenIds.map(BigInt)],
          isClosed: result.finishReason === 'stop',
          grids: inputs.image_grid_thw,
          state,
        };
        return result;
      } catch (error) {
        if (before) ended = 'lost its caches when a turn failed';
        conversation = undefined;
        throw error;
      } finally {
        restore();
      }
    },
    async dispose() {
      ended ??= 'is disposed';
      if (conversation) await disposeState(conversation.state);
      conversation = undefined;
    },
  };
}

function firstMessages(system: string | undefined): ChatMessage[] {
  return system === undefined ? [] : [{ role: 'system', content: system }];
}

/** What the template writes behind the last answer; the whole prompt if there is none yet. */
function newText(
  { prompts }: Generator,
  messages: readonly ChatMessage[],
  images: number,
  goesOn: boolean,
): string {
  if (!goesOn) return prompts.render({ messages }, images);
  const marked = messages.map((message, at) =>
    at === messages.length - 2 ? { ...message, content: answerMark } : message,
  );
  const rendered = prompts.render({ messages: marked }, images);
  const mark = rendered.lastIndexOf(answerMark);
  if (mark < 0) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      'expected a chat template that shows earlier answers, got one that leaves them out; ask with generate and all messages',
    );
  }
  return rendered.slice(mark + answerMark.length);
}

/** All tokens and grids so far, for transformers.js cuts off what is in the cache; new pixels alone. */
function onTop(added: ModelInputs, { ids: past, isClosed, grids }: Conversation): ModelInputs {
  const newIds = idsOf(added);
  // The template may write the end token that the answer brought already.
  const isTwice = isClosed && newIds[0] === past.at(-1);
  const ids = [...past, ...(isTwice ? newIds.slice(1) : newIds)];
  const dims = [1, ids.length];
  const allGrids = joinRows(grids, added.image_grid_thw);
  return {
    ...added,
    input_ids: new Tensor('int64', BigInt64Array.from(ids), dims),
    attention_mask: new Tensor('int64', new BigInt64Array(ids.length).fill(1n), dims),
    ...(allGrids && { image_grid_thw: allGrids }),
  };
}

function idsOf({ input_ids }: ModelInputs): bigint[] {
  return Array.from(input_ids.data as BigInt64Array);
}

function joinRows(before: Tensor | undefined, behind: Tensor | undefined): Tensor | undefined {
  if (!before || !behind) return before ?? behind;
  const data = [before, behind].flatMap(({ data: rows }) => [...(rows as BigInt64Array)]);
  const [rows = 0, ...row] = before.dims;
  return new Tensor('int64', BigInt64Array.from(data), [rows + (behind.dims[0] ?? 0), ...row]);
}

/**
 * Where there is a cache, the Qwen-VL classes of transformers.js take all images for known: they blank the
 * pixels, new ones too, and stumble over the blank. This puts new ones back for the turn's first run,
 * with their own grids, behind the reckoning of positions that needs the grids of all.
 *
 * @returns takes the change back
 */
function keepNewImages(model: PreTrainedModel, added: ModelInputs): () => void {
  const original = model.prepare_inputs_for_generation;
  model.prepare_inputs_for_generation = function prepare(...parameters: unknown[]) {
    const inputs: Record<string, unknown> = original.apply(this, parameters);
    if (inputs.pixel_values !== null) return inputs;
    delete inputs.pixel_values;
    const isFirst = ((inputs.input_ids as Tensor).dims[1] ?? 0) > 1;
    return isFirst && added.pixel_values
      ? { ...inputs, pixel_values: added.pixel_values, image_grid_thw: added.image_grid_thw }
      : inputs;
  };
  return () => {
    model.prepare_inputs_for_generation = original;
  };
}
