/** What surrounds a model's decoder: prompts, images, embeddings and text, whoever provides them. */
import type { CacheSizes, DecoderPorts, HostTensor, SessionTensor } from '@transprune/session';

/** Pixels in memory, row by row, the channels of a pixel beside each other. */
export interface Pixels {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
}

/** An image: a path (in Node), a URL (also `data:`), an encoded file's bytes, or pixels. */
export type ImageSource = string | URL | Uint8Array | Blob | Pixels;

/** One turn of a conversation; images are placeholders that take the request's images in order. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string | readonly ChatPart[];
}

export type ChatPart =
  | { readonly type: 'image' }
  | { readonly type: 'text'; readonly text: string };

/** Turns requests into a decoder's inputs, and tokens into text. Keeps nothing of a request. */
export interface Frontend {
  readonly modelType: string;
  readonly imageTokenId: number;
  /** Tokens that end an answer. */
  readonly endTokens: ReadonlySet<number>;
  /** Sizes of attention's caches, for decoders that leave them open. */
  readonly cacheSizes: CacheSizes;
  /** Tokens that the model has positions for, images and answers included; undefined if it doesn't say. */
  readonly maxTokens: number | undefined;
  /** A conversation as a prompt, image placeholders not yet written out. */
  render(messages: readonly ChatMessage[]): string;
  /**
   * Reads a prompt's images and tokens; runs no session.
   *
   * @throws TransPruneError NOT_FOUND or INVALID_IMAGE for an image, INVALID_ARGUMENT if there are other
   *   images than placeholders
   */
  read(
    text: string,
    images: readonly ImageSource[],
    options: {
      /** The prompt goes on after another one; nothing is put before it. */
      readonly goesOn: boolean;
    },
  ): Promise<ReadPrompt>;
  /**
   * Runs vision and embedding.
   *
   * @param decoder that the prompt is for
   * @throws TransPruneError INVALID_MODEL if image tokens and image features differ
   */
  embedPrompt(prompt: ReadPrompt, decoder: DecoderPorts): Promise<EmbeddedPrompt>;
  /** Embeds tokens of the answer, one a row. */
  embedTokens(ids: readonly number[]): Promise<EmbeddedTokens>;
  /** Text of tokens, without special ones. */
  textOf(ids: readonly number[]): string;
  /** What the model's configuration does to logits before a token is chosen; undefined if nothing. */
  penalties(promptTokens: number, maxNewTokens: number): Penalties | undefined;
}

/** A prompt as tokens. */
export interface ReadPrompt {
  readonly text: string;
  /** With as many image tokens as each image takes. */
  readonly ids: readonly number[];
  /** What the vision encoder is fed, by whatever names the frontend gives it. */
  readonly imageInputs: Readonly<Record<string, unknown>>;
}

/** What a decoder is fed for tokens. */
export interface EmbeddedTokens {
  /** `[rows, tokens, hidden]` */
  readonly embeddings: HostTensor | SessionTensor;
  /** Further inputs of the decoder, such as `per_layer_inputs`. */
  readonly others: Readonly<Record<string, HostTensor | SessionTensor>>;
}

/** What a decoder is fed for a prompt, `[1, tokens]`. */
export interface EmbeddedPrompt extends EmbeddedTokens {
  /**
   * By kind (one, or the three of M-RoPE), then tokens; the prompt counts as the first one. Undefined where
   * the decoder takes none.
   */
  readonly positions: readonly number[] | undefined;
  /** Positions left out between the prompt and its answer. */
  readonly gap: number;
  /** Tokens that each image takes, where all take as many. */
  readonly tokensPerImage: number | undefined;
  readonly visionMs: number;
}

/** Changes the logits of the next token in place. */
export type Penalties = (ids: readonly number[], logits: Float32Array) => void;
