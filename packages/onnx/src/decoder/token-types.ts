import type { NodeProto } from '../proto/onnx_pb.js';
import type { ClassifiedGraph } from './classified-graph.js';
import { isRows, type Size } from './sizes-of.js';

/** Sizes of a value, and which of them counts tokens. */
export interface Tokens {
  readonly dims: readonly Size[];
  readonly axis: number;
  /** The node that took some of the tokens, after the last layer; undefined: all of them are there. */
  readonly chosen?: NodeProto | undefined;
  /** Places that each token takes along the axis, such as its heads; undefined: one. */
  readonly places?: number | undefined;
  /** Those of a cache of latents stand before them along the axis. */
  readonly joined?: boolean | undefined;
  /** Rows of a table that is made in the graph, each of its own number alone, and no tokens. */
  readonly isTable?: boolean | undefined;
  /** Each number is the place of its token, counted from 0. */
  readonly isPlace?: boolean | undefined;
}

/** What a value holds: tokens along an axis, or what attention makes of tokens and cache. */
export type Held = Tokens | 'mixed';

/** What a node makes of tokens; `one`: a number of all of them, such as a scale of quantization. */
export type Made = Held | 'one';

/** What a node's outputs hold; the first for all of them if there are fewer. */
export type AxisRule<M extends Made = Made> = (site: AxisSite) => readonly M[];

/** What a rule works on. */
export interface AxisSite {
  readonly graph: ClassifiedGraph;
  readonly node: NodeProto;
  /** Whether some of the tokens may be taken: between the last layer and the logits. */
  readonly isHead: boolean;
  /** What an input holds; undefined for what holds no tokens. */
  tokens(index: number): Tokens | undefined;
  /** What any value holds; undefined for one that holds no tokens. */
  tokensOf(name: string): Tokens | undefined;
  /** True for an input that is the same in every call. */
  isConstant(index: number): boolean;
  /** Sizes of a value that holds no tokens, as far as they are known. */
  sizes(index: number): readonly Size[] | undefined;
  /** Sizes of any value, as far as they are known. */
  dimsOf(name: string): readonly Size[] | undefined;
  /** Stops with what the node does to tokens. */
  refuse(found: string): never;
}

/** True for tokens of which the same are there, each at as many places. */
export const isAlike = (one: Tokens, other: Tokens) =>
  one.chosen === other.chosen &&
  one.places === other.places &&
  one.isTable === other.isTable &&
  one.joined === other.joined;

/** The axis from the front. */
export const fromFront = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis);

/** The axis of the rows of a batch; -1 where they lie along that of the tokens. */
export const rowAxis = ({ dims }: Tokens) => dims.findIndex(isRows);

/** Stops where a node works along the rows of a batch. */
export function leaveRows(site: AxisSite, tokens: Tokens, axes: readonly number[]): void {
  if (!axes.includes(rowAxis(tokens))) return;
  site.refuse(`${site.node.opType} along the rows of a batch`);
}
