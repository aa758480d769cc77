import {
  Florence2Processor,
  Lfm2VlProcessor,
  LlavaProcessor,
  PaliGemmaProcessor,
  PixtralProcessor,
  type PreTrainedTokenizer,
  type Processor,
  type RawImage,
  type Tensor,
} from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import type { VlmConfig } from './config.js';

/** One turn of a conversation; images are placeholders that take the request's images in order. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string | readonly ChatPart[];
}

export type ChatPart =
  | { readonly type: 'image' }
  | { readonly type: 'text'; readonly text: string };

/** What is asked: a question, a conversation, or a prompt that is passed on as it is. */
export type Ask =
  | { readonly question: string }
  | { readonly messages: readonly ChatMessage[] }
  | { readonly prompt: string };

/** Tensors for the model, by the names that it takes them under. */
export type ModelInputs = Readonly<Record<string, Tensor>> & { readonly input_ids: Tensor };

/** Turns conversations into prompts, and prompts with images into tensors. */
export interface PromptMaker {
  readonly tokenizer: PreTrainedTokenizer;
  /** The prompt's text, image placeholders not yet repeated. */
  render(ask: Ask, images: number): string;
  prepare(prompt: string, images: readonly RawImage[]): Promise<ModelInputs>;
}

type ProcessorCall = (...parts: readonly unknown[]) => Promise<Record<string, Tensor>>;

/** Processors whose first argument is the images; the others begin with the text. */
const imagesFirst = [
  Florence2Processor,
  Lfm2VlProcessor,
  LlavaProcessor,
  PaliGemmaProcessor,
  PixtralProcessor,
];

/**
 * @param tokenizer of models whose processor has none of its own
 * @param imageToken text of the image token
 */
export function createPromptMaker(
  processor: Processor,
  tokenizer: PreTrainedTokenizer,
  config: VlmConfig,
  imageToken: string,
): PromptMaker {
  const call = processor as unknown as ProcessorCall;
  return {
    tokenizer,
    render(ask, images) {
      if ('prompt' in ask) return ask.prompt;
      const messages = 'messages' in ask ? ask.messages : [userTurn(ask.question, images)];
      return renderMessages(processor, tokenizer, messages, imageToken);
    },
    async prepare(prompt, images) {
      checkPlaceholders(prompt, images.length, imageToken);
      if (images.length === 0) return (await tokenizer(prompt)) as ModelInputs;
      const pictures = [...images];
      if (!processor.tokenizer) {
        return prepareByParts(call, tokenizer, { prompt, pictures, imageToken, config });
      }
      const first = imagesFirst.some((kind) => processor instanceof kind);
      const inputs = first ? await call(pictures, prompt) : await call(prompt, pictures);
      return inputs as ModelInputs;
    },
  };
}

function userTurn(question: string, images: number): ChatMessage {
  const placeholders = Array.from({ length: images }, () => ({ type: 'image' }) as const);
  return { role: 'user', content: [...placeholders, { type: 'text', text: question }] };
}

/** By the model's chat template; without one, the texts with a placeholder a line for each image. */
function renderMessages(
  processor: Processor,
  tokenizer: PreTrainedTokenizer,
  messages: readonly ChatMessage[],
  imageToken: string,
): string {
  if (!processor.chat_template && !tokenizer.chat_template) {
    return messages.flatMap(({ content }) => plainParts(content, imageToken)).join('\n');
  }
  const rendered: unknown = tokenizer.apply_chat_template(messages as never, {
    tokenize: false,
    add_generation_prompt: true,
    ...(processor.chat_template && { chat_template: processor.chat_template }),
  });
  return String(rendered);
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

/** For processors that only know images: each placeholder is repeated for the patches of its image. */
async function prepareByParts(
  call: ProcessorCall,
  tokenizer: PreTrainedTokenizer,
  parts: {
    readonly prompt: string;
    readonly pictures: readonly RawImage[];
    readonly imageToken: string;
    readonly config: VlmConfig;
  },
): Promise<ModelInputs> {
  const imageInputs = await call(parts.pictures);
  const patch = parts.config.vision_config?.patch_size;
  const [height, width] = imageInputs.pixel_values?.dims.slice(-2) ?? [];
  if (patch === undefined || height === undefined || width === undefined) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      'expected processor_config.json, or vision_config.patch_size in config.json, to tell how many tokens an image takes; found neither',
      { field: 'vision_config.patch_size' },
    );
  }
  const tokens = Math.floor(height / patch) * Math.floor(width / patch);
  const prompt = parts.prompt.replaceAll(parts.imageToken, parts.imageToken.repeat(tokens));
  return { ...imageInputs, ...(await tokenizer(prompt)) } as ModelInputs;
}
