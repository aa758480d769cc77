/** Plays calls on a decoder, pruned or not, on any backend. */
import { cachePort, elementCount, type NDArray, ports as names, ndarray } from '@transprune/core';
import type { Decoder } from '@transprune/onnx';
import {
  type AnswerNumbers,
  type DecoderAnswer,
  DecoderSession,
  type ElementType,
  type HostTensor,
  hostTensor,
  type PrefillCall,
  readAnswer,
  type Session,
} from '@transprune/session';
import type { RowCall } from './prompt.js';

/** What a call gave. */
export interface Answer extends AnswerNumbers {
  /** Of each layer, after the call. */
  readonly cacheLengths: readonly number[];
}

/** Rows of each call; shorter rows are padded on the left, in the first call only. */
export type Calls = readonly (readonly RowCall[])[];

export interface PlayOptions {
  /** Outputs to bring besides the logits. */
  readonly fetch?: readonly string[];
  /** Tokens that caches have room for from the start; left out, they are as long as what they hold. */
  readonly cacheRoom?: number;
}

/**
 * Plays a conversation from its start.
 *
 * @param decoder the original's structure
 * @param keepRatios fed where the graph takes them
 */
export async function playCalls(
  session: Session,
  decoder: Decoder,
  calls: Calls,
  keepRatios: readonly number[],
  { fetch = [], cacheRoom = 0 }: PlayOptions = {},
): Promise<Answer[]> {
  const { kvHeads, headDim } = decoder.attention;
  const sizes = { cacheSizes: { kvHeads, headDim }, cacheRoom };
  const conversation = new DecoderSession(session, sizes);
  const answers: Answer[] = [];
  try {
    for (const rows of calls) {
      const others = otherInputs(session, decoder, rows);
      const call = { ...feedsOf(rows, conversation), others, keepRatios, fetch };
      const answer = await readAnswer(await runCall(conversation, call));
      answers.push({ ...answer, cacheLengths: conversation.cacheLengths });
    }
    return answers;
  } finally {
    conversation.dispose();
  }
}

/**
 * Plays several conversations, each alone at first, then side by side: shorter caches are padded in front.
 *
 * @param conversations the calls of each; the first is played alone
 * @returns the answers of the calls that are played side by side
 */
export async function playJoined(
  session: Session,
  decoder: Decoder,
  conversations: readonly (readonly RowCall[])[],
  keepRatios: readonly number[],
): Promise<NDArray[]> {
  const { kvHeads, headDim } = decoder.attention;
  const alone: DecoderSession[] = [];
  try {
    for (const [first] of conversations) {
      const conversation = new DecoderSession(session, { cacheSizes: { kvHeads, headDim } });
      alone.push(conversation);
      if (!first) continue;
      const { logits } = await runCall(conversation, {
        ...feedsOf([first], conversation),
        others: otherInputs(session, decoder, [first]),
        keepRatios,
      });
      logits.dispose();
    }
    const together = await DecoderSession.merge(alone);
    alone.push(together);
    const answers: NDArray[] = [];
    const calls = Math.min(...conversations.map(({ length }) => length));
    for (let at = 1; at < calls; at++) {
      const rows = conversations.flatMap((own) => own[at] ?? []);
      const others = otherInputs(session, decoder, rows);
      const call = { ...feedsOf(rows, together), others, keepRatios };
      answers.push((await readAnswer(await runCall(together, call))).logits);
    }
    return answers;
  } finally {
    for (const conversation of alone) conversation.dispose();
  }
}

/** An output of an answer; empty if it was not asked for. */
export function outputOf({ outputs }: Answer, name: string): NDArray {
  return outputs[name] ?? ndarray([], [0]);
}

/** Text of one token is a step, as it is for who decodes; all else is a prompt or a part of one. */
function runCall(conversation: DecoderSession, call: PrefillCall): Promise<DecoderAnswer> {
  const isText = Array.from(call.images ?? []).every((image) => image === 0);
  if (call.embeddings.dims[1] !== 1 || !isText) return conversation.prefill(call);
  const { embeddings, valid, positions, fetch, others } = call;
  return conversation.step({ embeddings, valid, positions, fetch, others });
}

/** The rows of a call as one batch. */
function feedsOf(rows: readonly RowCall[], { nextPosition, ports }: DecoderSession) {
  const tokens = Math.max(...rows.map(({ spans }) => spans.length));
  const padded = (values: readonly number[]) => [
    ...new Array<number>(tokens - values.length).fill(0),
    ...values,
  ];
  const perRow = (read: (row: RowCall) => readonly number[]) =>
    rows.flatMap((row) => padded(read(row)));
  const takesThree = (ports.inputs.get(names.positionIds)?.shape.length ?? 0) > 2;
  return {
    embeddings: embeddingsOf(rows, tokens),
    valid: perRow(({ spans }) => spans.map(() => 1)),
    images: perRow(({ spans }) => spans),
    instruction: perRow(({ marks }) => marks),
    positions: (takesThree ? [0, 1, 2] : [0]).flatMap((kind) =>
      rows.flatMap(({ positions }, row) =>
        padded((positions[kind] ?? []).map((position) => position - (nextPosition[row] ?? 0))),
      ),
    ),
  };
}

/** What other inputs take: features that are added to the stream, and zeros where nobody reads them. */
function otherInputs(
  session: Session,
  { graph, inputs, injections, features }: Decoder,
  rows: readonly RowCall[],
): Record<string, HostTensor> {
  const known = new Set<string>(Object.values(names).flat());
  const declared = session.inputs.find(({ name }) => name === inputs.embeddings)?.shape ?? [];
  const tokens = Math.max(...rows.map(({ spans }) => spans.length));
  const sizes = new Map([
    [declared[0], rows.length],
    [declared[1], tokens],
  ]);
  const injected = new Set([
    ...injections.map(({ input }) => input),
    ...features.flatMap((read) => read.inputs),
  ]);
  const isOther = (name: string) =>
    graph.input.has(name) && !known.has(name) && !cachePort(name) && !graph.uses.has(name);
  const isFeature = (name: string) => injected.has(name) && !known.has(name);
  const others = session.inputs.filter(({ name }) => isFeature(name) || isOther(name));
  return Object.fromEntries(
    others.map(({ name, type, shape }) => {
      const dims = shape.map((size) =>
        typeof size === 'number' && size > 0 ? size : (sizes.get(size) ?? 1),
      );
      if (injected.has(name)) return [name, featuresOf(rows, type, dims, shape[0] !== declared[0])];
      return [name, hostTensor(type, new Float64Array(elementCount(dims)), dims)];
    }),
  );
}

/**
 * Features of each token: its embedding, smaller, as often as it fits in.
 *
 * @param dims `[batch, tokens, ...]`, or `[several, batch, tokens, hidden]` if `isSeveral`
 */
function featuresOf(
  rows: readonly RowCall[],
  type: ElementType,
  dims: readonly number[],
  isSeveral: boolean,
): HostTensor {
  const tokens = dims[isSeveral ? 2 : 1] ?? 1;
  const { data } = embeddingsOf(rows, tokens);
  const count = elementCount(dims);
  const [width, hidden] = [count, data.length].map((size) => size / (rows.length * tokens));
  const values = Float64Array.from({ length: count }, (_, at) => {
    if (isSeveral) return (data[at % data.length] ?? 0) / (Math.floor(at / data.length) + 4);
    const [token, feature] = [Math.floor(at / (width ?? 1)), at % (width ?? 1)];
    return (data[token * (hidden ?? 0) + (feature % (hidden ?? 1))] ?? 0) / 4;
  });
  return hostTensor(type, values, dims);
}

function embeddingsOf(rows: readonly RowCall[], tokens: number) {
  const [first] = rows;
  const hidden = (first?.embeddings.length ?? 0) / Math.max(first?.spans.length ?? 1, 1);
  const data = new Float32Array(rows.length * tokens * hidden);
  rows.forEach(({ embeddings }, row) => {
    data.set(embeddings, (row + 1) * tokens * hidden - embeddings.length);
  });
  return { type: 'float32', dims: [rows.length, tokens, hidden], data } satisfies HostTensor;
}
