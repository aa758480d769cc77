/** A model's texts as the objects of transformers.js, read through whatever the files come from. */
import * as library from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import type { VlmFiles } from '@transprune/files';
import type { VlmConfig } from './config.js';

export interface ModelTexts {
  readonly config: library.PretrainedConfig & VlmConfig;
  readonly generationConfig: Readonly<Record<string, unknown>>;
  /** Its tokenizer is left out where the repository names no class of its own. */
  readonly processor: library.Processor;
  readonly tokenizer: library.PreTrainedTokenizer;
  /** Goes before the tokenizer's. */
  readonly chatTemplate: string | undefined;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads a model's configurations and tokenizer.
 *
 * @throws TransPruneError NOT_FOUND that names a missing file, INVALID_MODEL for one that is not what
 *   transformers.js takes
 */
export async function readTexts(files: VlmFiles): Promise<ModelTexts> {
  const required = async (path: string) => {
    const text = await files.readText(path);
    if (text === undefined) throw missingFile(files, path);
    return parseJson(path, text);
  };
  const [config, preprocessing, tokenizerJson, tokenizerConfig, generation, template] =
    await Promise.all([
      required('config.json'),
      required('preprocessor_config.json'),
      required('tokenizer.json'),
      required('tokenizer_config.json'),
      files.readText('generation_config.json'),
      files.readText('chat_template.jinja'),
    ]);
  const kind = processorClass(preprocessing);
  const needsConfig = kind && (kind.uses_processor_config || kind === library.Gemma4Processor);
  const processorConfig = needsConfig ? await required('processor_config.json') : {};
  try {
    const tokenizer = createTokenizer(tokenizerJson, tokenizerConfig);
    const processor = createProcessor(kind, {
      preprocessing,
      processorConfig,
      tokenizer,
      template: template ?? null,
    });
    return {
      config: new library.PretrainedConfig(config) as ModelTexts['config'],
      generationConfig: generation ? parseJson('generation_config.json', generation) : {},
      processor,
      tokenizer,
      chatTemplate: template,
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected a processor and a tokenizer that transformers.js knows in ${files.name}, got: ${reason}`,
      { model: files.name, reason },
      { cause },
    );
  }
}

type ProcessorClass = typeof library.Processor & {
  readonly image_processor_class?: unknown;
  readonly feature_extractor_class?: unknown;
};

/** The class that the repository names, if the library has it. */
function processorClass({ processor_class: name }: Json): ProcessorClass | undefined {
  const found = named(name);
  return isProcessorClass(found) ? found : undefined;
}

function isProcessorClass(value: unknown): value is ProcessorClass {
  return typeof value === 'function' && value.prototype instanceof library.Processor;
}

function named(name: unknown): unknown {
  return typeof name === 'string'
    ? (library as unknown as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

interface ProcessorParts {
  readonly preprocessing: Json;
  readonly processorConfig: Json;
  readonly tokenizer: library.PreTrainedTokenizer;
  readonly template: string | null;
}

/** As `AutoProcessor` makes them; audio is left out. */
function createProcessor(
  kind: ProcessorClass | undefined,
  { preprocessing, processorConfig, tokenizer, template }: ProcessorParts,
): library.Processor {
  const type = preprocessing.image_processor_type ?? preprocessing.feature_extractor_type;
  if (!kind) {
    const imageKind = imageProcessorClass(type);
    if (!imageKind) throw new Error(`Unknown image_processor_type: '${type}'.`);
    return new library.Processor({}, { image_processor: new imageKind(preprocessing) }, null);
  }
  // Gemma 4's keeps what it does with images in its own configuration.
  const own = processorConfig.image_processor as Json | undefined;
  const image_processor =
    kind === library.Gemma4Processor && own
      ? new library.Gemma4ImageProcessor(own)
      : new (imageProcessorClass(type) ?? library.ImageProcessor)(preprocessing);
  return new kind(processorConfig, { image_processor, tokenizer }, template);
}

type ImageProcessorClass = new (config: Json) => library.ImageProcessor;

function imageProcessorClass(type: unknown): ImageProcessorClass | undefined {
  const found = named(typeof type === 'string' ? type.replace(/Fast$/, '') : undefined);
  const { ImageProcessor } = library;
  return found === ImageProcessor ||
    (typeof found === 'function' && found.prototype instanceof ImageProcessor)
    ? (found as ImageProcessorClass)
    : undefined;
}

type TokenizerClass = new (json: Json, config: Json) => library.PreTrainedTokenizer;

/** As `AutoTokenizer` makes them. */
function createTokenizer(json: Json, config: Json): library.PreTrainedTokenizer {
  const { tokenizer_class: type } = config;
  const name = typeof type === 'string' ? type.replace(/Fast$/, '') : undefined;
  const kind = named(name);
  const isKnown =
    typeof kind === 'function' &&
    (kind === library.PreTrainedTokenizer || kind.prototype instanceof library.PreTrainedTokenizer);
  return new ((isKnown ? kind : library.PreTrainedTokenizer) as TokenizerClass)(json, config);
}

function missingFile(files: VlmFiles, file: string): TransPruneError {
  return new TransPruneError(
    'NOT_FOUND',
    `expected ${file} in ${files.name}, found none; a model comes as config.json, tokenizer.json, tokenizer_config.json, preprocessor_config.json, often processor_config.json, and graphs under onnx/`,
    { file, model: files.name },
  );
}

function parseJson(path: string, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected ${path} to be JSON, got something that doesn't parse (${(cause as Error).message})`,
      { file: path },
      { cause },
    );
  }
}
