/**
 * The oracle: the original, cut where a prune is and run by hand on the rows that are left. It knows nothing
 * of the surgery: the values to cut at and the rows that stay are all it is told.
 */
import { encodeModel, type OnnxModel } from '@transprune/onnx';
import type { GraphProto } from '@transprune/onnx/proto';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { cachesOf, feedsOf, gather, logitsOf, open } from './decoder-run.js';
import { type Piece, pieceGraph, piecesOf } from './piece.js';
import { type Prompt, steps } from './prompt.js';

/** There is nothing to compare with: what crosses a cut has no axis of tokens, or the rest cannot run alone. */
export class NoOracle extends Error {}

export interface CutOptions {
  readonly weights: Readonly<Record<string, Uint8Array>>;
  /** Values to cut at, in the order of the graph. */
  readonly cuts: readonly string[];
  /** For each cut, the places in the prompt of the tokens that are left. */
  readonly kept: readonly (readonly number[])[];
  readonly positions: 'renumber' | 'keep';
  /** See `Fed`. */
  readonly nudge: number;
}

/** A piece of a conversation. */
interface Part extends Piece {
  readonly session: InferenceSession;
  /** What the next part is given. */
  readonly leaving: readonly string[];
  caches: ReadonlyMap<string, Tensor>;
  past: number;
}

/** One call, as a part sees it. */
interface Call {
  readonly name: string;
  readonly tokens: number;
  readonly rows: readonly number[];
  readonly positions: readonly number[];
  readonly entered: ReadonlyMap<string, Tensor>;
  readonly nudge: number;
}

/**
 * Logits of a prompt and of the steps after it, of the tokens that are left.
 *
 * @throws NoOracle if the original does not fall into pieces that run
 */
export async function playCut(
  model: OnnxModel,
  { imageMask }: Prompt,
  options: CutOptions,
): Promise<Float32Array[]> {
  const parts: Part[] = [];
  try {
    const logits = [await prefill(parts, model, imageMask.length, options)];
    for (let step = 0; step < steps; step++) {
      const position = imageMask.length + step;
      logits.push(await stepOnce(parts, { name: `step ${step}`, position, ...options }));
    }
    return logits;
  } finally {
    for (const { session } of parts) await session.release();
  }
}

/** Opens the parts on the way: types of what crosses a cut are known when it is there. */
async function prefill(
  parts: Part[],
  model: OnnxModel,
  tokens: number,
  { cuts, kept, positions, weights, nudge }: CutOptions,
): Promise<Float32Array> {
  const graph = model.graph as GraphProto;
  const outputs = new Map<string, Tensor>();
  let rows: readonly number[] = Array.from({ length: tokens }, (_, at) => at);
  let given: ReadonlyMap<string, Tensor> = new Map();
  const pieces = piecesOf(graph, cuts);
  for (const [at, piece] of pieces.entries()) {
    const before = rows;
    rows = (at > 0 && kept[at - 1]) || rows;
    const entered = new Map<string, Tensor>();
    for (const name of piece.entering) entered.set(name, rowsOf(name, given, before, rows));
    const leaving = pieces[at + 1]?.entering.filter((name) => !entered.has(name)) ?? [];
    const alone = { ...model, graph: pieceGraph(graph, entered, leaving) };
    const session = await open(encodeModel(alone), weights).catch(noOracle);
    const part: Part = { ...piece, session, leaving, caches: new Map(), past: 0 };
    parts.push(part);
    const places = positions === 'keep' ? rows : rows.map((_, place) => place);
    const call = { name: 'prefill', tokens, rows, positions: places, entered, nudge };
    given = await run(part, call, outputs);
  }
  return logitsOf(outputs);
}

async function stepOnce(
  parts: readonly Part[],
  {
    name,
    position,
    positions,
    nudge,
  }: Pick<CutOptions, 'positions' | 'nudge'> & { readonly name: string; readonly position: number },
): Promise<Float32Array> {
  const outputs = new Map<string, Tensor>();
  let entered: ReadonlyMap<string, Tensor> = new Map();
  for (const part of parts) {
    const place = positions === 'keep' ? position : part.past;
    const call = { name, tokens: 1, rows: [0], positions: [place], entered, nudge };
    entered = await run(part, call, outputs);
  }
  return logitsOf(outputs);
}

/** Runs a part; answers all that the next may be given. */
async function run(
  part: Part,
  { name, tokens, rows, positions, entered, nudge }: Call,
  outputs: Map<string, Tensor>,
): Promise<ReadonlyMap<string, Tensor>> {
  const { session, caches, past } = part;
  const fed = { call: name, tokens: rows, of: tokens, positions, past, caches, nudge };
  const feeds = feedsOf(session, { ...fed, given: entered });
  const results = await session.run(feeds, [...part.outputs, ...part.leaving]).catch(noOracle);
  const given = new Map(entered);
  for (const [output, value] of Object.entries(results)) {
    if (part.outputs.includes(output)) outputs.set(output, value);
    if (part.leaving.includes(output)) given.set(output, value);
  }
  part.caches = cachesOf(session, results);
  part.past += rows.length;
  return given;
}

function rowsOf(
  name: string,
  given: ReadonlyMap<string, Tensor>,
  before: readonly number[],
  left: readonly number[],
): Tensor {
  const value = given.get(name);
  if (!value) throw new Error(`expected a value for ${name}`);
  const [axis, another] = value.dims.flatMap((size, at) => (size === before.length ? [at] : []));
  if (axis === undefined || another !== undefined) {
    throw new NoOracle(`${name} [${value.dims}] crosses a cut and has no axis of tokens`);
  }
  const places = left.map((row) => before.indexOf(row));
  return gather(value, axis, places);
}

function noOracle(cause: Error): never {
  throw new NoOracle(cause.message, { cause });
}
