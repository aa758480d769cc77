/** Runs a decoder, pruned or not, on any backend, and keeps its cache from call to call. */
import {
  float16Bits,
  float16Value,
  imageMaskInput,
  instructionMaskInput,
  keepRatiosInput,
  maskOutput,
  type NDArray,
  ndarray,
  pastMaskInput,
  TransPruneError,
} from '@transprune/core';
import type { Decoder } from '@transprune/onnx';
import type { HostTensor, Session, SessionTensor, ValueInfo } from '@transprune/session';
import type { Tokens } from './prompt.js';

/** What a call gave. */
export interface Answer {
  /** `[batch, tokens left, vocabulary]` */
  readonly logits: NDArray;
  /** Of each layer, behind the call. */
  readonly cacheLengths: readonly number[];
  /** All other outputs by name, as far as they were asked for. */
  readonly outputs: Readonly<Record<string, NDArray>>;
}

export interface DecoderRunner {
  /**
   * One call.
   *
   * @param rows the tokens of each row; shorter rows are padded on the left, in the first call only
   * @param fetch outputs to bring besides the logits
   */
  step(rows: readonly Tokens[], fetch?: readonly string[]): Promise<Answer>;
  /** Frees the cache. */
  dispose(): void;
}

/**
 * A decoder at the start of a conversation. The session stays the caller's.
 *
 * @param decoder the original's structure
 * @param keepRatios fed where the graph takes them
 */
export function createRunner(
  session: Session,
  decoder: Decoder,
  keepRatios: readonly number[],
): DecoderRunner {
  let cache: Record<string, SessionTensor> = {};
  let attention: number[][] = [];
  let masks: Record<string, HostTensor> = {};
  const caches = decoder.layers.flatMap(({ cache: names }) => [
    { past: names.pastKey, present: names.presentKey },
    { past: names.pastValue, present: names.presentValue },
  ]);
  const takes = new Map(session.inputs.map((info) => [info.name, info]));
  const maskOutputs = session.outputs
    .map(({ name }) => name)
    .filter((name) => keepRatios.some((_, stage) => name === maskOutput(stage)));

  /** The tensor for an input. */
  const feed = (info: ValueInfo, rows: readonly Tokens[], isFirst: boolean) => {
    const { name, type, shape } = info;
    const batch = rows.length;
    const tokens = Math.max(...rows.map(({ spans }) => spans.length));
    const padded = (values: readonly number[]) => [
      ...new Array<number>(tokens - values.length).fill(0),
      ...values,
    ];
    const { inputs } = decoder;
    switch (name) {
      case inputs.embeddings: {
        const [longest] = rows.filter(({ spans }) => spans.length === tokens);
        const hidden = (longest?.embeddings.length ?? 0) / tokens;
        const values = new Float32Array(batch * tokens * hidden);
        rows.forEach(({ embeddings }, row) => {
          values.set(embeddings, (row + 1) * tokens * hidden - embeddings.length);
        });
        return tensor(type, values, [batch, tokens, hidden]);
      }
      case inputs.attentionMask:
        return tensor(type, attention.flat(), [batch, attention[0]?.length ?? 0]);
      case inputs.positionIds: {
        const kinds = shape.length === 3 ? [0, 1, 2] : [0];
        const values = kinds.flatMap((kind) =>
          rows.flatMap(({ positions }) => padded(positions[kind] ?? [])),
        );
        return tensor(type, values, [...(shape.length === 3 ? [3] : []), batch, tokens]);
      }
      case imageMaskInput:
        return tensor(
          type,
          rows.flatMap(({ spans }) => padded(spans)),
          [batch, tokens],
        );
      case instructionMaskInput:
        return tensor(
          type,
          rows.flatMap(({ marks }) => padded(marks)),
          [batch, tokens],
        );
      case keepRatiosInput:
        return tensor(type, keepRatios, [keepRatios.length]);
      case 'use_cache_branch':
        return tensor(type, [isFirst ? 0 : 1], [1]);
      case 'num_logits_to_keep':
      case 'logits_to_keep':
        return tensor(
          type,
          [tokens],
          shape.map(() => 1),
        );
      default:
    }
    const known = cache[name] ?? masks[name];
    if (known) return known;
    if (isFirst && keepRatios.some((_, stage) => name === pastMaskInput(stage))) {
      return tensor(type, [], [batch, 0]);
    }
    if (isFirst && caches.some(({ past }) => past === name)) {
      const { kvHeads, headDim } = decoder.attention;
      const fixed = (axis: number, size: number) => {
        const declared = shape[axis];
        return typeof declared === 'number' && declared > 0 ? declared : size;
      };
      return tensor(type, [], [batch, fixed(1, kvHeads), 0, fixed(3, headDim)]);
    }
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected inputs that the verification knows how to feed, got ${name}`,
      { input: name },
    );
  };

  return {
    async step(rows, fetch = []) {
      const isFirst = attention.length === 0;
      const tokens = Math.max(...rows.map(({ spans }) => spans.length));
      attention = rows.map(({ spans }, row) => [
        ...(attention[row] ?? []),
        ...new Array<number>(tokens - spans.length).fill(0),
        ...spans.map(() => 1),
      ]);
      const feeds = Object.fromEntries(
        [...takes.values()].map((info) => [info.name, feed(info, rows, isFirst)]),
      );
      const presents = caches.map(({ present }) => present);
      const wanted = [...new Set([decoder.logits, ...presents, ...maskOutputs, ...fetch])];
      const results = await session.run(feeds, wanted);
      for (const old of Object.values(cache)) old.dispose();
      cache = {};
      for (const { past, present } of caches) {
        const made = results[present];
        if (made && past !== undefined && takes.has(past)) cache[past] = made;
      }
      masks = {};
      for (const [stage] of keepRatios.entries()) {
        const made = await results[maskOutput(stage)]?.download();
        if (made) masks[pastMaskInput(stage)] = made;
      }
      const downloaded = await Promise.all(
        [decoder.logits, ...fetch].map(async (name) => [name, await read(results[name])] as const),
      );
      for (const [name, tensor] of Object.entries(results)) {
        if (!presents.includes(name)) tensor.dispose();
      }
      const { [decoder.logits]: logits, ...outputs } = Object.fromEntries(downloaded);
      return {
        logits: logits ?? ndarray([], [0]),
        cacheLengths: decoder.layers.map(({ cache: { presentKey } }) =>
          Number(results[presentKey]?.dims[2] ?? 0),
        ),
        outputs,
      };
    },
    dispose() {
      for (const old of Object.values(cache)) old.dispose();
      cache = {};
    },
  };
}

async function read(tensor: SessionTensor | undefined): Promise<NDArray> {
  if (!tensor) return ndarray([], [0]);
  const { type, dims, data } = await tensor.download();
  const value = type === 'float16' ? float16Value : (x: number) => x;
  return ndarray(
    Float64Array.from(data as ArrayLike<number | bigint>, (x) => value(Number(x))),
    [...dims],
  );
}

function tensor(
  type: HostTensor['type'],
  values: ArrayLike<number>,
  dims: readonly number[],
): HostTensor {
  const numbers = Array.from(values);
  switch (type) {
    case 'float32':
      return { type, dims, data: Float32Array.from(numbers) };
    case 'float16':
      return { type, dims, data: Uint16Array.from(numbers, float16Bits) };
    case 'int64':
      return { type, dims, data: BigInt64Array.from(numbers, BigInt) };
    case 'int32':
      return { type, dims, data: Int32Array.from(numbers) };
    case 'bool':
      return { type, dims, data: Uint8Array.from(numbers) };
  }
}
