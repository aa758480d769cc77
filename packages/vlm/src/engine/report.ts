/** What there is to tell about one request. */
import { numberImages } from '@transprune/core';
import type { DecoderPorts, DecoderSession } from '@transprune/session';
import type { ReadPrompt } from '../frontend.js';
import type {
  CacheSize,
  FinishEvent,
  FinishReason,
  PromptFacts,
  StageEvent,
  Timings,
  Usage,
} from './events.js';
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
  readonly visionCached: boolean;
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
  private readonly imageTokenId: number;
  private readonly createdAt = performance.now();
  private openedAt: number | undefined;
  private readAt: number | undefined;
  private startedAt: number | undefined;
  private firstAt: number | undefined;
  private prompt = promptFacts('', []);
  private keptImageTokens: readonly number[] = [];
  private visionMs = 0;
  private visionCached = false;
  private prefillMs = 0;
  private decodeMs = 0;
  private steps = 0;
  private completionTokens = 0;
  private cache: CacheSize = { lengths: [], bytes: 0 };
  private cacheBytesPerToken = 0;

  constructor(ports: DecoderPorts, imageTokenId: number) {
    this.ports = ports;
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

  prefilled(prefilled: Prefilled): void {
    const { decoder, cacheLengths, images, stages, visionMs, visionCached, prefillMs } = prefilled;
    this.prompt = promptFacts(this.prompt.text, images);
    this.visionMs = visionMs;
    this.visionCached = visionCached;
    this.prefillMs = prefillMs;
    this.cache = { lengths: decoder.cacheLengths, bytes: decoder.cacheBytes };
    this.cacheBytesPerToken = decoder.cacheBytesPerToken;
    const added = this.cache.lengths.map((length, at) => length - (cacheLengths[at] ?? 0));
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
    const { prompt, steps, cache } = this;
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
      visionCached: this.visionCached,
      timings: this.timings(),
      cache: {
        afterPrefill: cache,
        atEnd: {
          lengths: cache.lengths.map((length) => length + steps),
          bytes: cache.bytes + steps * this.cacheBytesPerToken,
        },
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
