import {
  AutoConfig,
  AutoProcessor,
  AutoTokenizer,
  ModelFileNotFoundError,
  type PreTrainedTokenizer,
  type Processor,
} from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import type { VlmFiles } from '@transprune/files';
import type { Backend, ModelSource, Session } from '@transprune/session';
import { openSession } from '@transprune/session';
import { type Chat, type ChatOptions, startChat } from './chat.js';
import { imageTokenId, type VlmConfig } from './config.js';
import { type GenerateRequest, type GenerateResult, type Generator, generate } from './generate.js';
import { chooseKeepRatios, type DecoderSource, defaultKeepRatios } from './keep-ratios.js';
import { type ModelClass, modelClass } from './model.js';
import { createPromptMaker } from './prompt.js';
import { recordSessions } from './record.js';

export interface VlmOptions {
  readonly files: VlmFiles;
  readonly backend: Backend;
  /** One of the backend's devices; the best that works if left out. */
  readonly device?: string;
  /** Used instead of the files' own decoder, for example a pruned one. */
  readonly decoder?: DecoderSource;
  /** Needed only where `config.json` names none. */
  readonly imageTokenId?: number;
}

/** A vision-language model, ready to answer. */
export interface Vlm {
  readonly modelType: string;
  readonly imageTokenId: number;
  /** The device that the decoder runs on. */
  readonly device: string;
  /** Answers a prompt. Calls may overlap; they are served one after the other. */
  generate(request: GenerateRequest): Promise<GenerateResult>;
  /**
   * Starts a conversation, whose turns are served in order with the other calls. Dispose it before the
   * model.
   */
  chat(options?: ChatOptions): Chat;
  /**
   * The same model with another decoder. Both share all other parts: dispose it before this one,
   * and independently.
   */
  withDecoder(decoder: DecoderSource): Promise<Vlm>;
  dispose(): Promise<void>;
}

/** What all decoders of a model share. */
interface Parts {
  readonly options: VlmOptions;
  readonly config: Awaited<ReturnType<typeof AutoConfig.from_pretrained>> & VlmConfig;
  readonly model: ModelClass;
  readonly generationConfig: object;
  readonly processor: Processor;
  readonly tokenizer: PreTrainedTokenizer;
  readonly chatTemplate: string | undefined;
  readonly imageToken: number;
  readonly vision: Session;
  readonly embedding: Session;
}

/**
 * Loads a vision-language model: prompts, images and the generation loop by transformers.js, the
 * graphs by the given backend.
 *
 * @throws TransPruneError NOT_FOUND for a missing file, INVALID_MODEL for one that doesn't parse,
 *   UNSUPPORTED_MODEL for other kinds of models, DEVICE_UNAVAILABLE with the backend's reason
 */
export async function loadVlm(options: VlmOptions): Promise<Vlm> {
  const { files, backend, device } = options;
  const [configText, generationText] = await Promise.all([
    files.readText('config.json'),
    files.readText('generation_config.json'),
  ]);
  if (configText === undefined) throw missingFile(files, 'config.json');
  const config = (await AutoConfig.from_pretrained(files.pretrained, {
    config: parseJson('config.json', configText) as never,
  })) as Parts['config'];
  const model = modelClass(config);
  const imageToken = options.imageTokenId ?? imageTokenId(config);
  const { processor, tokenizer, chatTemplate } = await loadProcessor(files);
  const generationConfig = generationText
    ? parseJson('generation_config.json', generationText)
    : {};
  const opened: Session[] = [];
  const open = async (source: ModelSource) => {
    const session = await openSession(backend, source, device);
    opened.push(session);
    return session;
  };
  try {
    const vision = await open(await files.graph('vision_encoder'));
    const embedding = await open(await files.graph('embed_tokens'));
    const source = options.decoder ?? (await files.graph('decoder_model_merged'));
    const decoder = await open(source);
    const parts: Parts = {
      options,
      config,
      model,
      generationConfig,
      processor,
      tokenizer,
      chatTemplate,
      imageToken,
      vision,
      embedding,
    };
    return assemble(parts, { source, decoder }, [vision, embedding, decoder]);
  } catch (error) {
    await disposeAll(opened);
    throw error;
  }
}

interface OpenDecoder {
  readonly source: DecoderSource;
  readonly decoder: Session;
}

function assemble(parts: Parts, { source, decoder }: OpenDecoder, owned: readonly Session[]): Vlm {
  const { options, config, tokenizer, imageToken, vision, embedding } = parts;
  const standard = defaultKeepRatios(source, decoder);
  const recorded = recordSessions({ vision, embedding, decoder }, config, imageToken);
  const generator: Generator = {
    model: new parts.model(config, recorded.sessions, {
      generation_config: parts.generationConfig,
    }),
    prompts: createPromptMaker({
      ...parts,
      imageToken: tokenizer.decode([imageToken], { skip_special_tokens: false }).trim(),
    }),
    recorded,
    keepRatios: (requested) => chooseKeepRatios(requested, standard, decoder),
  };
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(call: () => Promise<Result>): Promise<Result> => {
    const result = last.then(call);
    last = result.catch(() => {});
    return result;
  };
  return {
    modelType: config.model_type,
    imageTokenId: imageToken,
    device: decoder.device,
    generate: (request) => inTurn(() => generate(generator, request)),
    chat(chatOptions = {}) {
      const chat = startChat(generator, chatOptions);
      return {
        ask: (turn) => inTurn(() => chat.ask(turn)),
        dispose: () => inTurn(() => chat.dispose()),
      };
    },
    async withDecoder(source) {
      const other = await openSession(options.backend, source, options.device);
      try {
        return assemble(parts, { source, decoder: other }, [other]);
      } catch (error) {
        await other.dispose();
        throw error;
      }
    },
    async dispose() {
      await last;
      await disposeAll(owned);
    },
  };
}

async function loadProcessor(
  files: VlmFiles,
): Promise<Pick<Parts, 'processor' | 'tokenizer' | 'chatTemplate'>> {
  const where = {
    local_files_only: files.localOnly,
    ...(files.revision !== undefined && { revision: files.revision }),
  };
  try {
    const processor = await AutoProcessor.from_pretrained(files.pretrained, where);
    const tokenizer =
      processor.tokenizer ?? (await AutoTokenizer.from_pretrained(files.pretrained, where));
    // Newer repositories keep the template in a file of its own, which transformers.js doesn't read.
    const chatTemplate =
      processor.chat_template ?? (await files.readText('chat_template.jinja')) ?? undefined;
    return { processor, tokenizer, chatTemplate };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    // transformers.js takes a missing tokenizer configuration for an empty one, which no class fits.
    if ((await files.readText('tokenizer_config.json')) === undefined) {
      throw missingFile(files, 'tokenizer_config.json', cause);
    }
    if (cause instanceof ModelFileNotFoundError) {
      const path = /"([^"]+)"/.exec(reason)?.[1] ?? '';
      throw missingFile(files, path.split(/[\\/]/).at(-1) ?? path, cause);
    }
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected a processor and a tokenizer that transformers.js knows in ${files.pretrained}, got: ${reason}`,
      { model: files.pretrained, reason },
      { cause },
    );
  }
}

function missingFile(files: VlmFiles, file: string, cause?: unknown): TransPruneError {
  return new TransPruneError(
    'NOT_FOUND',
    `expected ${file} in ${files.pretrained}, found none; a model comes as config.json, tokenizer.json, tokenizer_config.json, preprocessor_config.json, often processor_config.json, and graphs under onnx/`,
    { file, model: files.pretrained },
    { cause },
  );
}

function parseJson(path: string, text: string): object {
  try {
    return JSON.parse(text) as object;
  } catch (cause) {
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected ${path} to be JSON, got something that doesn't parse (${(cause as Error).message})`,
      { file: path },
      { cause },
    );
  }
}

async function disposeAll(sessions: readonly Session[]): Promise<void> {
  await Promise.all(sessions.map((session) => session.dispose()));
}
