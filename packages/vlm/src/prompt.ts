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
  prepare(
    prompt: string,
    images: readonly RawImage[],
    options?: {
      /** The prompt goes on behind others; nothing is put before it. */
      readonly goesOn?: boolean;
    },
  ): Promise<ModelInputs>;
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

/** What a prompt maker is made of. */
export interface PromptParts {
  readonly processor: Processor;
  /** The processor's own, or the one beside a processor that only knows images. */
  readonly tokenizer: PreTrainedTokenizer;
  /** Goes before the tokenizer's. */
  readonly chatTemplate: string | undefined;
  readonly config: VlmConfig;
  /** Text of the image token. */
  readonly imageToken: string;
}

/** Makes prompts as a model was trained on them. */
export function createPromptMaker({
  processor,
  tokenizer,
  chatTemplate,
  config,
  imageToken,
}: PromptParts): PromptMaker {
  const call = processor as unknown as ProcessorCall;
  return {
    tokenizer,
    render(ask, images) {
      if ('prompt' in ask) return ask.prompt;
      const messages = 'messages' in ask ? ask.messages : [userTurn(ask.question, images)];
      if (!chatTemplate && !tokenizer.chat_template) return plainPrompt(messages, imageToken);
      const rendered: unknown = tokenizer.apply_chat_template(messages as never, {
        tokenize: false,
        add_generation_prompt: true,
        ...(chatTemplate && { chat_template: chatTemplate }),
      });
      return String(rendered);
    },
    async prepare(prompt, images, { goesOn = false } = {}) {
      checkPlaceholders(prompt, images.length, imageToken);
      const options = { add_special_tokens: !goesOn && !startsWithBos(prompt, tokenizer) };
      if (images.length === 0) return (await tokenizer(prompt, options)) as ModelInputs;
      const pictures = [...images];
      // LLaVA's writes out the first placeholder alone.
      const isCut = processor instanceof LlavaProcessor && images.length > 1;
      if (!processor.tokenizer || isCut) {
        const sizes = { ...visionSizes(config), ...processorSizes(processor) };
        return prepareByParts(call, tokenizer, { prompt, pictures, imageToken, sizes, options });
      }
      const first = imagesFirst.some((kind) => processor instanceof kind);
      const inputs = first
        ? await call(pictures, prompt, options)
        : await call(prompt, pictures, options);
      return inputs as ModelInputs;
    },
  };
}

/** Templates that write the begin token themselves must not get a second one. */
function startsWithBos(prompt: string, tokenizer: PreTrainedTokenizer): boolean {
  const bos: unknown = tokenizer.bos_token;
  return typeof bos === 'string' && bos !== '' && prompt.startsWith(bos);
}

/** A question behind placeholders for its images. */
export function userTurn(question: string, images: number): ChatMessage {
  const placeholders = Array.from({ length: images }, () => ({ type: 'image' }) as const);
  return { role: 'user', content: [...placeholders, { type: 'text', text: question }] };
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

/** What an image is cut into. */
interface PatchSizes {
  readonly patch_size?: number | undefined;
  readonly num_additional_image_tokens?: number | undefined;
}

function visionSizes({ vision_config }: VlmConfig): PatchSizes {
  return { patch_size: vision_config?.patch_size };
}

function processorSizes({ config }: Processor): PatchSizes {
  const { patch_size, num_additional_image_tokens } = config as PatchSizes;
  return { ...(patch_size !== undefined && { patch_size }), num_additional_image_tokens };
}

/** Where the processor does not: each placeholder is repeated for the patches of its image. */
async function prepareByParts(
  call: ProcessorCall,
  tokenizer: PreTrainedTokenizer,
  parts: {
    readonly prompt: string;
    readonly pictures: readonly RawImage[];
    readonly imageToken: string;
    readonly sizes: PatchSizes;
    readonly options: { readonly add_special_tokens: boolean };
  },
): Promise<ModelInputs> {
  const imageInputs = await call(parts.pictures);
  const { patch_size: patch, num_additional_image_tokens: more = 0 } = parts.sizes;
  const [height, width] = imageInputs.pixel_values?.dims.slice(-2) ?? [];
  if (patch === undefined || height === undefined || width === undefined) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      'expected processor_config.json, or vision_config.patch_size in config.json, to tell how many tokens an image takes; found neither',
      { field: 'vision_config.patch_size' },
    );
  }
  const tokens = Math.floor(height / patch) * Math.floor(width / patch) + more;
  const prompt = parts.prompt.replaceAll(parts.imageToken, parts.imageToken.repeat(tokens));
  return { ...imageInputs, ...(await tokenizer(prompt, parts.options)) } as ModelInputs;
}
