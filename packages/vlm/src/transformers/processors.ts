/** What a processor of transformers.js makes of a prompt and its images, whichever class it is. */
import * as library from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import type { VlmConfig } from './config.js';

/** A prompt with its image placeholders written out, and what the vision encoder is fed. */
export interface ProcessedPrompt {
  readonly text: string;
  readonly imageInputs: Readonly<Record<string, unknown>>;
}

/** What processing needs to know. */
export interface ProcessorParts {
  readonly processor: library.Processor;
  readonly tokenizer: library.PreTrainedTokenizer;
  readonly config: VlmConfig;
  /** Text of the image token. */
  readonly imageToken: string;
}

/** Makes a model's inputs of a prompt and at least one image. */
export type ProcessPrompt = (
  text: string,
  images: readonly library.RawImage[],
) => Promise<ProcessedPrompt>;

type Outputs = Readonly<Record<string, unknown>>;
type Call = (...parts: readonly unknown[]) => Promise<Outputs>;

/** Processors whose first argument is the images; the others begin with the text. */
const imagesFirst = [
  library.Lfm2VlProcessor,
  library.LlavaProcessor,
  library.PaliGemmaProcessor,
  library.PixtralProcessor,
];

/** Processors whose third argument is audio. */
const audioThird = [library.Gemma3nProcessor, library.Gemma4Processor];

/**
 * Processors that are right about one image: LLaVA's and Pixtral's write out the first placeholder alone,
 * Qwen's take several images for the frames of a video.
 */
const oneImage = [library.LlavaProcessor, library.PixtralProcessor, library.Qwen2VLProcessor];

/** Processors that count the patches of an image by their configuration. */
const countPatches = [library.LlavaProcessor, library.PixtralProcessor];

const isOne = (processor: library.Processor, kinds: readonly (new (...p: never) => unknown)[]) =>
  kinds.some((kind) => processor instanceof kind);

/** Chooses how a model's processor is called. */
export function promptProcessor(parts: ProcessorParts): ProcessPrompt {
  const { processor, imageToken } = parts;
  if (!processor.tokenizer) return (text, images) => byPatches(parts, text, images);
  const call = callOf(parts);
  if (!isOne(processor, oneImage)) return call;
  return async (text, images) => {
    const each: ProcessedPrompt[] = [];
    for (const image of images) each.push(await call(imageToken, [image]));
    const [first = '', ...rest] = text.split(imageToken);
    const written = rest.map((part, at) => (each[at]?.text ?? imageToken) + part);
    return {
      text: first + written.join(''),
      imageInputs: joinRows(each.map(({ imageInputs }) => imageInputs)),
    };
  };
}

/** Calls the processor with its arguments in order. */
function callOf(parts: ProcessorParts): ProcessPrompt {
  const { processor, tokenizer } = parts;
  // In place of tokens it gives the text back, so that tokens are made in one place, with the same options.
  const echo = new Proxy(tokenizer, { apply: (_target, _this, [text]) => ({ written: text }) });
  const Kind = processor.constructor as new (
    ...parts: ConstructorParameters<typeof library.Processor>
  ) => library.Processor;
  return async (text, images) => {
    const echoing = new Kind(
      isOne(processor, countPatches) ? patchConfig(parts) : processor.config,
      { ...processor.components, tokenizer: echo },
      processor.chat_template,
    ) as unknown as Call;
    const pictures = [...images];
    const { written, ...imageInputs } = await (isOne(processor, imagesFirst)
      ? echoing(pictures, text)
      : isOne(processor, audioThird)
        ? echoing(text, pictures, null)
        : echoing(text, pictures));
    return { text: [written].flat().join(''), imageInputs };
  };
}

/** What several images are fed as: rows after rows. */
function joinRows(each: readonly Outputs[]): Outputs {
  const [first = {}] = each;
  const joined: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(first)) {
    if (!(value instanceof library.Tensor)) continue;
    const tensors = each.map((outputs) => outputs[name] as library.Tensor);
    const shapes = new Set(tensors.map(({ dims }) => dims.slice(1).join(' x ')));
    if (shapes.size > 1) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `expected images of one size, for this model puts them into one tensor, got ${[...shapes].join(' and ')}`,
        { input: name },
      );
    }
    joined[name] = each.length === 1 ? value : library.cat(tensors, 0);
  }
  return joined;
}

/** What an image is cut into. */
interface PatchSizes {
  readonly patch_size: number;
  readonly num_additional_image_tokens: number;
}

/** A processor's configuration; what its file leaves out is as config.json says. */
function patchConfig({ processor, config, imageToken }: ProcessorParts): PatchSizes {
  const own = Object.entries(processor.config).filter(([, value]) => value !== null);
  const sizes = {
    image_token: imageToken,
    num_additional_image_tokens: 0,
    spatial_merge_size: config.spatial_merge_size,
    patch_size: config.vision_config?.patch_size,
    ...Object.fromEntries(own),
  };
  const { patch_size } = sizes;
  if (patch_size === undefined) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      'expected patch_size in processor_config.json, or vision_config.patch_size in config.json, to tell how many tokens an image takes; found neither',
      { field: 'vision_config.patch_size' },
    );
  }
  return { ...sizes, patch_size };
}

/** Where the processor knows images alone: each placeholder is repeated for the patches of its image. */
async function byPatches(
  parts: ProcessorParts,
  text: string,
  images: readonly library.RawImage[],
): Promise<ProcessedPrompt> {
  const { processor, imageToken } = parts;
  const imageInputs = await (processor as unknown as Call)([...images]);
  const { patch_size: patch, num_additional_image_tokens: more } = patchConfig(parts);
  const pixels = imageInputs.pixel_values;
  if (!(pixels instanceof library.Tensor)) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected the processor to make pixel_values, got ${Object.keys(imageInputs).join(', ')}`,
      { input: 'pixel_values' },
    );
  }
  const [height = 0, width = 0] = pixels.dims.slice(-2);
  const tokens = Math.floor(height / patch) * Math.floor(width / patch) + more;
  return { text: text.replaceAll(imageToken, imageToken.repeat(tokens)), imageInputs };
}
