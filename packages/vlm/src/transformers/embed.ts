/** A prompt's embeddings and positions, as the library's class of the model makes them. */
import { type PretrainedConfig, Tensor } from '@huggingface/transformers';
import { ports, TransPruneError, tokensPerImage } from '@transprune/core';
import { type DecoderPorts, numbersOf, type Session } from '@transprune/session';
import type { EmbeddedPrompt, ReadPrompt } from '../frontend.js';
import { adaptSession, capturingSession, type HostTensors } from './adapter.js';
import { type ModelClass, quietly } from './model-class.js';
import { idsTensor } from './tensors.js';

export interface EmbeddingParts {
  readonly config: PretrainedConfig;
  readonly generationConfig: object;
  readonly model: ModelClass;
  readonly vision: Session;
  readonly embedding: Session;
}

/**
 * Runs the model's own class as far as its decoder: it embeds the tokens, puts image features in place of
 * image tokens and counts positions. The decoder is one that takes what it is fed and computes nothing. Each
 * prompt has an object of its own, for some classes keep what they counted.
 *
 * @param decoder that the prompt is for
 * @throws TransPruneError INVALID_MODEL if image tokens and image features differ
 */
export async function embedPrompt(
  { config, generationConfig, model, vision, embedding }: EmbeddingParts,
  { ids, imageInputs }: ReadPrompt,
  decoder: DecoderPorts,
): Promise<EmbeddedPrompt> {
  let captured: HostTensors = {};
  let visionMs = 0;
  let perImage: number | undefined;
  const decoderInputs = promptInputs(decoder);
  const instance = new model(
    config,
    {
      vision_encoder: adaptSession(vision, (feeds, outputs, ms) => {
        visionMs += ms;
        perImage = tokensPerImage(feeds.pixel_values?.dims, Object.values(outputs)[0]?.dims);
      }),
      embed_tokens: adaptSession(embedding),
      audio_encoder: capturingSession([], () => {}),
      decoder_model_merged: capturingSession(decoderInputs, (feeds) => {
        captured = feeds;
      }),
    },
    { generation_config: generationConfig },
  );
  const inputIds = idsTensor(ids);
  const all: Readonly<Record<string, unknown>> = {
    ...imageInputs,
    input_ids: inputIds,
    attention_mask: idsTensor(ids.map(() => 1)),
  };
  const given = Object.fromEntries(
    instance.forward_params.flatMap((name) => (name in all ? [[name, all[name]]] : [])),
  );
  let inputs: Readonly<Record<string, unknown>>;
  try {
    inputs = instance.prepare_inputs_for_generation([ids.map(BigInt)], given, generationConfig);
    await quietly(() => instance.forward(inputs));
  } catch (cause) {
    throw explainMismatch(cause);
  }
  const { [ports.embeddings]: embeddings, [ports.positionIds]: positions, ...rest } = captured;
  if (!embeddings) throw new Error('expected the class of the model to run its decoder');
  const { [ports.attentionMask]: _mask, ...others } = rest;
  const counted = positions && Array.from(numbersOf(positions).data);
  return {
    embeddings,
    positions: counted,
    gap: counted ? gapAfter(counted, ids.length, inputs.rope_deltas) : 0,
    others,
    tokensPerImage: perImage,
    visionMs,
  };
}

/**
 * The Qwen classes of 4.3.1 count on from a text without images at three times its length, for they add the
 * length to their delta in place of taking it off (`_get_text_only_rope_index`). Models answer so in that
 * library, and so they do here.
 */
function gapAfter(positions: readonly number[], tokens: number, deltas: unknown): number {
  if (!(deltas instanceof Tensor)) return 0;
  const last = positions.reduce((max, position) => Math.max(max, position), -1);
  return tokens + Number(deltas.data[0]) - (last + 1);
}

/** The decoder's inputs that the library feeds: not those of its state, of pruning or of its own needs. */
function promptInputs({ inputs, others }: DecoderPorts): string[] {
  const known = [ports.embeddings, ports.attentionMask, ports.positionIds];
  return [...known.filter((name) => inputs.has(name)), ...others];
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
