/**
 * The original, cut at the prunes and run by hand on the rows that stay: an answer that knows nothing of the surgery.
 * Of the reading it takes the names of what crosses from layer to layer.
 */
import { createNodeBackend } from '@transprune/backend-node';
import { cachePort, indicesAmong, type NDArray, type PrunePlan, ports } from '@transprune/core';
import {
  type Decoder,
  type DecoderLayer,
  encodeModel,
  type OnnxModel,
  readDecoder,
} from '@transprune/onnx';
import {
  type HostTensor,
  hostTensor,
  openSession,
  readNumbers,
  type Session,
} from '@transprune/session';

/** One call: what is fed to the whole decoder, and which of its tokens each prune keeps. */
export interface HandCall {
  /** By the names of inputs: embeddings `[1, tokens, hidden]`, positions as the caller has them, features. */
  readonly feeds: Readonly<Record<string, HostTensor>>;
  /** For each prune, places among the call's tokens. */
  readonly kept: readonly (readonly number[])[];
}

/** Contents of files, by their location. */
export type ExternalData = Readonly<Record<string, Uint8Array>>;

/** Layers between two prunes as a graph of their own. */
interface Piece {
  readonly session: Session;
  /** Values of the pieces before that it reads. */
  readonly crossing: readonly string[];
  /** Names of what goes in and comes out from call to call. */
  readonly states: readonly (readonly [past: string, present: string])[];
  /** What the next piece reads and this one makes. */
  readonly made: readonly string[];
  /** Tokens that it has seen. */
  seen: number;
  readonly held: Map<string, HostTensor>;
}

/**
 * Runs calls one after the other on the original's pieces.
 *
 * @param externalData contents of the files that hold weights
 * @returns logits of each call, of the rows that are left after the last prune
 */
export async function runByHand(
  original: OnnxModel,
  plan: PrunePlan,
  calls: readonly HandCall[],
  externalData: ExternalData = {},
): Promise<NDArray[]> {
  const decoder = readDecoder(original);
  const pieces = await openPieces(original, decoder, plan, externalData);
  const answers: NDArray[] = [];
  try {
    for (const { feeds, kept } of calls) {
      let places = Array.from({ length: feeds[ports.embeddings]?.dims[1] ?? 0 }, (_, at) => at);
      let values = new Map(Object.entries(feeds));
      for (const [at, piece] of pieces.entries()) {
        if (at > 0) {
          const left = kept[at - 1] ?? [];
          const rows = indicesAmong(places, left);
          const crossing = piece.crossing.map(
            (name) => [name, takeRows(values.get(name), axisOf(decoder, name), rows)] as const,
          );
          values = new Map([...values, ...crossing]);
          places = [...left];
        }
        const made = await runPiece(piece, decoder, plan, values, places);
        values = new Map([...values, ...made]);
      }
      const logits = values.get(ports.logits);
      if (logits) answers.push(await readNumbers(logits));
    }
    return answers;
  } finally {
    for (const { session } of pieces) await session.dispose();
  }
}

async function openPieces(
  original: OnnxModel,
  decoder: Decoder,
  plan: PrunePlan,
  externalData: ExternalData,
) {
  const starts = [0, ...plan.stages.map(({ afterLayer }) => afterLayer)];
  const crossings = starts.map((start) => (start === 0 ? [] : crossingAt(decoder, start)));
  const backend = createNodeBackend({ threads: 1 });
  const pieces: Piece[] = [];
  for (const [at, start] of starts.entries()) {
    const crossing = crossings[at] ?? [];
    const states = decoder.layers.slice(start, starts[at + 1]).flatMap(statesOf);
    const made = (crossings[at + 1] ?? [ports.logits]).filter((name) => !crossing.includes(name));
    const graph = cutGraph(decoder, crossing, [...states.map(([, present]) => present), ...made]);
    const bytes = encodeModel({ ...original, graph });
    const session = await openSession(backend, { bytes, externalData }, 'cpu');
    pieces.push({ session, crossing, states, made, seen: 0, held: new Map() });
  }
  return pieces;
}

/** True for several streams `[streams, batch, tokens, hidden]`. */
const isStack = ({ layers }: Decoder, name: string) =>
  layers.some(({ stack }) => stack?.predictions === name);

/** The axis of the tokens in what crosses. */
const axisOf = (decoder: Decoder, name: string) => (isStack(decoder, name) ? 2 : 1);

/** Everything that layers from one on read of those before: the stream or what several predict, norms of it, features. */
function crossingAt({ layers, features, injections }: Decoder, start: number): string[] {
  const next = layers[start];
  const read = [...features, ...injections].filter(({ layer }) => layer >= start);
  const norms = next ? [next.mixer.input, ...(next.ffn.isParallel ? [next.ffn.input] : [])] : [];
  const entering = next?.stack?.predictions ?? next?.streamIn ?? '';
  return [...new Set([entering, ...norms, ...read.map(({ value }) => value)])];
}

function statesOf({ cache, states }: DecoderLayer): [string, string][] {
  const own: [string, string][] = cache
    ? [
        [cache.pastKey ?? '', cache.presentKey],
        [cache.pastValue ?? '', cache.presentValue],
      ]
    : [];
  return [...own, ...states.map(({ past, present }): [string, string] => [past, present])];
}

/** The nodes that make some values of others. */
function cutGraph(decoder: Decoder, given: readonly string[], wanted: readonly string[]) {
  const { graph, features } = decoder;
  const producer = new Map(
    graph.graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)),
  );
  const [open, used] = [[...wanted], new Set<unknown>()];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = given.includes(name) ? undefined : producer.get(name);
    if (!node || used.has(node)) continue;
    used.add(node);
    open.push(...node.input);
  }
  const node = graph.graph.node
    .filter((own) => used.has(own))
    .map((own) => ({
      ...own,
      output: own.output.map((name) => (given.includes(name) ? `${name}/again` : name)),
    }));
  const reads = new Set(node.flatMap(({ input }) => input));
  const isOther = (name: string) =>
    isStack(decoder, name) || features.some(({ value }) => value === name);
  const [embeddings] = graph.graph.input.filter(({ name }) => name === ports.embeddings);
  const type = embeddings?.type?.value;
  if (!embeddings?.type || type?.case !== 'tensorType') throw new Error('no type of embeddings');
  // As the embeddings lie; features and several streams lie otherwise.
  const ofFloats = (name: string) => ({
    ...embeddings,
    name,
    type: {
      ...embeddings.type,
      value: {
        ...type,
        value: { ...type.value, ...(isOther(name) && { shape: undefined }) },
      },
    },
  });
  const infos = new Map(graph.graph.output.map((info) => [info.name, info]));
  return {
    ...graph.graph,
    node,
    input: [
      ...graph.graph.input.filter(({ name }) => reads.has(name) && !given.includes(name)),
      ...given.filter((name) => reads.has(name)).map(ofFloats),
    ],
    output: wanted.map((name) => infos.get(name) ?? ofFloats(name)),
    valueInfo: [],
  } as NonNullable<OnnxModel['graph']>;
}

async function runPiece(
  piece: Piece,
  decoder: Decoder,
  plan: PrunePlan,
  values: ReadonlyMap<string, HostTensor>,
  places: readonly number[],
): Promise<Map<string, HostTensor>> {
  const { session, states, made, held, crossing } = piece;
  const count = places.length;
  const feeds: Record<string, HostTensor> = {};
  for (const { name, type, shape } of session.inputs) {
    const value = values.get(name);
    const isOwn = crossing.length === 0 || crossing.includes(name);
    if (states.some(([past]) => past === name)) {
      feeds[name] = held.get(name) ?? emptyState(decoder, type, shape);
    } else if (name === ports.attentionMask) {
      const seen = piece.seen + count;
      feeds[name] = hostTensor(type, new Array(seen).fill(1), [1, seen]);
    } else if (name === ports.positionIds && value) {
      feeds[name] =
        isOwn || plan.positions === 'keep'
          ? takeRows(value, -1, places)
          : counted(value, piece.seen, count);
    } else if (name === ports.embeddings && !isOwn && value) {
      // Only its size is read.
      const hidden = value.dims[2] ?? 1;
      feeds[name] = hostTensor(type, new Array(count * hidden).fill(0), [1, count, hidden]);
    } else if (cachePort(name)) {
      // Another piece's: only its length is read.
      feeds[name] = emptyState(decoder, type, shape, piece.seen);
    } else if (value) feeds[name] = value;
  }
  const wanted = [...states.map(([, present]) => present), ...made];
  const results = await session.run(feeds, wanted);
  const found = new Map<string, HostTensor>();
  for (const [name, tensor] of Object.entries(results)) found.set(name, await tensor.download());
  for (const [past, present] of states) {
    const tensor = found.get(present);
    if (tensor) held.set(past, tensor);
  }
  piece.seen += count;
  return new Map(made.flatMap((name) => [[name, found.get(name) as HostTensor] as const]));
}

/** A cache without tokens, or a state of zeros. */
function emptyState(
  { attention }: Decoder,
  type: HostTensor['type'],
  shape: readonly (number | string)[],
  length = 0,
): HostTensor {
  const isCache = shape.length === 4 && typeof shape[2] === 'string';
  const dims = shape.map((size, axis) => {
    if (axis === 0) return 1;
    if (typeof size === 'number' && size > 0) return size;
    return isCache && axis === 2 ? length : attention.headDim;
  });
  return hostTensor(type, new Array(dims.reduce((a, b) => a * b, 1)).fill(0), dims);
}

/** Positions counted on from what was seen, in the shape of others. */
function counted({ type, dims }: HostTensor, seen: number, count: number): HostTensor {
  const sizes = [...dims.slice(0, -1), count];
  const rows = sizes.reduce((a, b) => a * b, 1) / count;
  const row = Array.from({ length: count }, (_, at) => seen + at);
  return hostTensor(type, Array.from({ length: rows }, () => row).flat(), sizes);
}

/** Rows of a tensor along an axis, counted from the end if negative. */
function takeRows(
  tensor: HostTensor | undefined,
  axis: number,
  rows: readonly number[],
): HostTensor {
  if (!tensor) throw new Error('no tensor to take rows of');
  const { dims, data, type } = tensor;
  const own = axis < 0 ? axis + dims.length : axis;
  const step = dims.slice(own + 1).reduce((a, b) => a * b, 1);
  const blocks = dims.slice(0, own).reduce((a, b) => a * b, 1);
  const taken: number[] = [];
  for (let block = 0; block < blocks; block++) {
    for (const row of rows) {
      const from = (block * (dims[own] ?? 0) + row) * step;
      for (let at = from; at < from + step; at++) taken.push(Number(data[at]));
    }
  }
  return hostTensor(
    type,
    taken,
    dims.map((size, at) => (at === own ? rows.length : size)),
  );
}
