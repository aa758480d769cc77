/** What there is to tell about one request. */
import {
  type CacheSizes,
  type DecoderPorts,
  type DecoderSession,
  tensorBytes,
} from '@transprune/session';
import type { Frontend, ReadPrompt } from '../frontend.js';
import type {
  FinishEvent,
  FinishReason,
  PromptFacts,
  StageEvent,
  Timings,
  Usage,
} from './events.js';
import { numberImages } from './spans.js';
import { keptFromCaches } from './stages.js';

/** What a prefill did. */
export interface Prefilled {
  readonly decoder: DecoderSession;
  /** Lengths of the caches before it. */
  readonly cacheLengths: readonly number[];
  /** For each token the number of its image, 0 at text. */
  readonly images: readonly number[];
  readonly stages: readonly StageEvent[];
  readonly visionMs: number;
  readonly prefillMs: number;
}

/** @param images for each token the number of its image, 0 at text */
function promptFacts(text: string, images: readonly number[]): PromptFacts {
  const imagePositions = images.flatMap((image, position) => (image === 0 ? [] : [position]));
  return {
    text,
    textTokens: images.length - imagePositions.length,
    imageTokens: imagePositions.length,
    imagePositions,
    imageNumbers: images.filter((image) => image !== 0),
  };
}

/** Times are as `performance.now()` counts. */
export class Report {
  private readonly ports: DecoderPorts;
  private readonly cacheSizes: CacheSizes;
  private readonly imageTokenId: number;
  private readonly createdAt = performance.now();
  private openedAt: number | undefined;
  private readAt: number | undefined;
  private startedAt: number | undefined;
  private firstAt: number | undefined;
  private prompt = promptFacts('', []);
  private keptImageTokens: readonly number[] = [];
  private visionMs = 0;
  private prefillMs = 0;
  private decodeMs = 0;
  private steps = 0;
  private completionTokens = 0;
  private cacheLengths: readonly number[] = [];
  private cacheBytes = 0;

  constructor(
    ports: DecoderPorts,
    { cacheSizes, imageTokenId }: Pick<Frontend, 'cacheSizes' | 'imageTokenId'>,
  ) {
    this.ports = ports;
    this.cacheSizes = cacheSizes;
    this.imageTokenId = imageTokenId;
  }

  /** A place was found. */
  opened(): void {
    this.openedAt = performance.now();
  }

  read({ text, ids }: ReadPrompt): void {
    this.readAt = performance.now();
    this.prompt = promptFacts(text, numberImages(ids, this.imageTokenId));
  }

  /** The engine got to it. */
  started(): void {
    this.startedAt = performance.now();
  }

  prefilled({ decoder, cacheLengths, images, stages, visionMs, prefillMs }: Prefilled): void {
    this.prompt = promptFacts(this.prompt.text, images);
    this.visionMs = visionMs;
    this.prefillMs = prefillMs;
    this.cacheLengths = decoder.cacheLengths;
    this.cacheBytes = decoder.cacheBytes;
    const added = this.cacheLengths.map((length, at) => length - (cacheLengths[at] ?? 0));
    this.keptImageTokens =
      stages.length > 0
        ? stages.map(({ keptImageTokens }) => keptImageTokens.length)
        : keptFromCaches(this.ports, added, this.prompt.textTokens);
  }

  stepped(ms: number): void {
    this.steps++;
    this.decodeMs += ms;
  }

  /** A token was chosen. */
  chosen(): void {
    this.firstAt ??= performance.now();
    this.completionTokens++;
  }

  finish(reason: FinishReason, text: string): FinishEvent {
    const { prompt, steps } = this;
    const { textTokens, imageTokens } = prompt;
    const usage: Usage = {
      promptTokens: textTokens + imageTokens,
      textTokens,
      imageTokens,
      keptImageTokens: this.keptImageTokens,
      completionTokens: this.completionTokens,
    };
    return {
      type: 'finish',
      reason,
      text,
      usage,
      prompt,
      timings: this.timings(),
      cache: {
        lengths: this.cacheLengths.map((length) => length + steps),
        bytes: this.cacheBytes + steps * bytesPerToken(this.ports, this.cacheSizes),
      },
    };
  }

  private timings(): Timings {
    const end = performance.now();
    const { createdAt, openedAt = end, readAt = end, startedAt = end, firstAt } = this;
    const sinceFirst = end - (firstAt ?? end);
    const later = this.completionTokens - 1;
    return {
      queueMs: openedAt - createdAt + (startedAt - readAt),
      preprocessMs: readAt - openedAt,
      visionMs: this.visionMs,
      prefillMs: this.prefillMs,
      timeToFirstTokenMs: firstAt === undefined ? 0 : firstAt - createdAt,
      decodeMs: this.decodeMs,
      decodeTokensPerSecond: later > 0 && sinceFirst > 0 ? (later * 1000) / sinceFirst : 0,
      totalMs: end - createdAt,
    };
  }
}

/** What a token adds to the caches of all layers. */
function bytesPerToken({ caches, inputs }: DecoderPorts, sizes: CacheSizes): number {
  return caches.reduce((sum, { kind, past }) => {
    const info = inputs.get(past);
    if (!info || (kind !== 'key' && kind !== 'value')) return sum;
    const [, heads, , size] = info.shape;
    const dims = [
      typeof heads === 'number' && heads > 0 ? heads : (sizes.kvHeads ?? 0),
      typeof size === 'number' && size > 0 ? size : (sizes.headDim ?? 0),
    ];
    return sum + tensorBytes({ type: info.type, dims });
  }, 0);
}
