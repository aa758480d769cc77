/** A model's prompts, images and text by transformers.js. */

import { ports, type Reduction, TransPruneError } from '@transprune/core';
import type { VlmFiles } from '@transprune/files';
import { hostTensor, type Session, takeAll } from '@transprune/session';
import type { ChatMessage, Frontend } from '../frontend.js';
import { withReducedImages } from '../reduction/prompt.js';
import { cacheSizes, endTokens, imageTokenId, maxTokens } from './config.js';
import { embedPrompt } from './embed.js';
import { type ModelTexts, readTexts } from './files.js';
import { readImage } from './images.js';
import { modelClass } from './model-class.js';
import { penaltyMaker } from './penalties.js';
import { promptProcessor } from './processors.js';
import { idsOf } from './tensors.js';

export interface FrontendOptions {
  /** Needed only where `config.json` names none. */
  readonly imageTokenId?: number | undefined;
  /** What the vision encoder that is opened does to its image tokens. */
  readonly reduction?: Reduction | undefined;
}

/** Opens the sessions that surround the decoder, once it is known that the model can be served. */
export type OpenSessions = () => Promise<{ readonly vision: Session; readonly embedding: Session }>;

/**
 * Reads a model's texts.
 *
 * @throws TransPruneError NOT_FOUND for a missing file, INVALID_MODEL for one that doesn't parse,
 *   UNSUPPORTED_MODEL for other kinds of models, and what opening sessions throws
 */
export async function createFrontend(
  files: VlmFiles,
  openSessions: OpenSessions,
  options: FrontendOptions = {},
): Promise<Frontend> {
  const texts = await readTexts(files);
  const { config, generationConfig, tokenizer, processor } = texts;
  const model = modelClass(config);
  const imageId = options.imageTokenId ?? imageTokenId(config);
  const imageToken = tokenizer.decode([imageId], { skip_special_tokens: false }).trim();
  const ends = endTokens(
    generationConfig.eos_token_id as never,
    config.eos_token_id,
    config.text_config?.eos_token_id,
    tokenizer.eos_token_id as number | undefined,
  );
  const processPrompt = promptProcessor({ processor, tokenizer, config, imageToken });
  const penalties = penaltyMaker({ model, config, generationConfig, endTokens: ends });
  const { vision, embedding } = await openSessions();
  const parts = { config, generationConfig, model, vision, embedding };
  return {
    modelType: config.model_type,
    imageTokenId: imageId,
    endTokens: ends,
    cacheSizes: cacheSizes(config),
    maxTokens: maxTokens(config),
    render: (messages) => render(texts, messages, imageToken),
    async read(text, sources, { goesOn }) {
      const images = await Promise.all(sources.map(readImage));
      checkPlaceholders(text, images.length, imageToken);
      const { text: written, imageInputs } =
        images.length > 0 ? await processPrompt(text, images) : { text, imageInputs: {} };
      const encoded = tokenizer(written, {
        add_special_tokens: !goesOn && !startsWithBos(text, tokenizer.bos_token),
      });
      const all = idsOf(encoded.input_ids);
      if (all.length === 0) throw emptyPrompt();
      const { reduction } = options;
      const ids =
        reduction && images.length > 0
          ? withReducedImages(all, imageId, images.length, reduction)
          : all;
      return { text, ids, imageInputs };
    },
    embedPrompt: (prompt, decoder) => embedPrompt(parts, prompt, decoder),
    embedTokens: (ids) => embedTokens(embedding, ids),
    textOf: (ids) => tokenizer.decode([...ids], { skip_special_tokens: true }),
    penalties,
  };
}

function emptyPrompt(): TransPruneError {
  return new TransPruneError(
    'INVALID_ARGUMENT',
    'expected a prompt of at least one token, got an empty one',
    { field: 'prompt' },
  );
}

/** Runs the embedding alone, one token a row; outputs besides the embeddings go to inputs of their names. */
async function embedTokens(embedding: Session, ids: readonly number[]) {
  const [input] = embedding.inputs;
  if (!input) throw new Error('expected an embedding that takes tokens');
  const results = await embedding.run({
    [input.name]: hostTensor(input.type, ids, [ids.length, 1]),
  });
  const tensors = await takeAll(results);
  const { [ports.embeddings]: named, ...others } = tensors;
  const embeddings = named ?? Object.values(tensors)[0];
  if (!embeddings) throw new Error('expected an embedding that gives embeddings');
  return { embeddings, others };
}

/** Templates that write the begin token themselves must not get a second one. */
function startsWithBos(prompt: string, bos: unknown): boolean {
  return typeof bos === 'string' && bos !== '' && prompt.startsWith(bos);
}

function render(
  { tokenizer, chatTemplate }: ModelTexts,
  messages: readonly ChatMessage[],
  imageToken: string,
): string {
  if (!chatTemplate && !tokenizer.chat_template) return plainPrompt(messages, imageToken);
  const rendered: unknown = tokenizer.apply_chat_template(messages as never, {
    tokenize: false,
    add_generation_prompt: true,
    ...(chatTemplate && { chat_template: chatTemplate }),
  });
  return String(rendered);
}

/** Without a template: the texts, and a placeholder for each image, a line each. */
function plainPrompt(messages: readonly ChatMessage[], imageToken: string): string {
  return messages.flatMap(({ content }) => plainParts(content, imageToken)).join('\n');
}

function plainParts(content: ChatMessage['content'], imageToken: string): string[] {
  if (typeof content === 'string') return [content];
  return content.map((part) => (part.type === 'image' ? imageToken : part.text));
}

/** Some models write another placeholder than the image token itself; then there are none to count. */
function checkPlaceholders(prompt: string, images: number, imageToken: string): void {
  const placeholders = prompt.split(imageToken).length - 1;
  if (placeholders > 0 && placeholders !== images) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected as many images as image placeholders (${imageToken}) in the prompt, got ${images} and ${placeholders}`,
      { images, placeholders, imageToken },
    );
  }
}
