/** What the verification feeds: random embeddings, with images between texts. */
import { uniformNoise } from '@transprune/core';

/** One call on one row. */
export interface RowCall {
  /** `[tokens, hidden]` */
  readonly embeddings: Float32Array;
  /** `[tokens]`: the number of the image that a token belongs to, 0 at text. */
  readonly spans: readonly number[];
  /** `[tokens]`, 1 at marked tokens. */
  readonly marks: readonly number[];
  /** `[3][tokens]`: time, height and width; graphs with one row of positions take the first. */
  readonly positions: readonly (readonly number[])[];
}

/** How tokens are numbered: images as grids, as M-RoPE has it, or like text. */
export type Numbering = 'grids' | 'plain';

/** Parts of a call, in order. */
export type CallParts = readonly CallPart[];

interface CallPart {
  readonly tokens: number;
  /** The image's number; 0: text. */
  readonly span: number;
}

const text = (tokens: number): CallPart => ({ tokens, span: 0 });
const image = (span: number, tokens: number): CallPart => ({ tokens, span });

/** 40 tokens, two images; `firstChunk` is inside the first one. */
export const promptParts = [text(5), image(1, 16), text(3), image(2, 9), text(7)];
export const firstChunk = 14;
/** Another prompt, for the second row of a batch. */
export const otherParts = [text(3), image(1, 13), text(6)];
/** A second turn, on top of the cache. */
export const turnParts = [text(2), image(1, 8), text(4)];
export const tokenParts = [text(1)];

/**
 * Makes the calls of a conversation.
 *
 * @param layouts one for each call
 * @param seed decides the embeddings
 */
export function conversation(
  layouts: readonly CallParts[],
  hidden: number,
  seed: number,
  numbering: Numbering,
): RowCall[] {
  let next = 0;
  return layouts.map((parts, call) => {
    const spans = parts.flatMap(({ tokens, span }) => new Array<number>(tokens).fill(span));
    const positions: number[][] = [[], [], []];
    for (const { tokens, span } of parts) {
      const width = span > 0 && numbering === 'grids' ? Math.ceil(Math.sqrt(tokens)) : 0;
      let last = next - 1;
      for (let i = 0; i < tokens; i++) {
        const place =
          width > 0
            ? [next, next + Math.floor(i / width), next + (i % width)]
            : [next + i, next + i, next + i];
        place.forEach((position, row) => {
          positions[row]?.push(position);
          last = Math.max(last, position);
        });
      }
      next = last + 1;
    }
    const marks = spans.map((span, i) => (span === 0 && i % 3 === 1 ? 1 : 0));
    const embeddings = randomEmbeddings(spans, hidden, seed * 101 + call);
    return { embeddings, spans, marks, positions };
  });
}

/** The same without an image. */
export function withoutImages(calls: readonly RowCall[]): RowCall[] {
  return calls.map((call) => ({ ...call, spans: call.spans.map(() => 0) }));
}

/** One call in two. */
export function inTwo(call: RowCall, at: number): [RowCall, RowCall] {
  const hidden = call.embeddings.length / call.spans.length;
  const part = (from: number, to: number): RowCall => ({
    embeddings: call.embeddings.slice(from * hidden, to * hidden),
    spans: call.spans.slice(from, to),
    marks: call.marks.slice(from, to),
    positions: call.positions.map((row) => row.slice(from, to)),
  });
  return [part(0, at), part(at, call.spans.length)];
}

/** Calls as one prompt. */
export function inOne(calls: readonly RowCall[]): RowCall {
  return {
    embeddings: Float32Array.from(calls.flatMap(({ embeddings }) => [...embeddings])),
    spans: calls.flatMap(({ spans }) => spans),
    marks: calls.flatMap(({ marks }) => marks),
    positions: [0, 1, 2].map((row) => calls.flatMap(({ positions }) => positions[row] ?? [])),
  };
}

/** Of variance 1; image tokens between half and one and a half times as large, so that they differ. */
function randomEmbeddings(spans: readonly number[], hidden: number, seed: number): Float32Array {
  const noise = uniformNoise(seed, spans.length * (hidden + 1));
  const embeddings = new Float32Array(spans.length * hidden);
  spans.forEach((span, token) => {
    const size = span === 0 ? 1 : 0.5 + (noise[spans.length * hidden + token] ?? 0);
    for (let i = token * hidden; i < (token + 1) * hidden; i++) {
      embeddings[i] = size * Math.sqrt(3) * (2 * (noise[i] ?? 0) - 1);
    }
  });
  return embeddings;
}
