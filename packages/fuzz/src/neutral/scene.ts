/** Changes of a graph that leave what it computes as it was, but for rounding. */
import { cachePort } from '@transprune/core';
import { readDecoder } from '@transprune/onnx';
import type { GraphProto, NodeProto } from '@transprune/onnx/proto';
import type { Base } from '../bases.js';
import { type Edge, edgesOf, type Scene } from '../mutations/mutation.js';

/** A scene, and what is known besides of the graph before it was changed. */
export interface NeutralScene extends Scene {
  /** Values that hold float32. */
  readonly floats: ReadonlySet<string>;
  /**
   * Values between what a module reads, after the norm, and what it adds to the stream: whatever they are, the score
   * does not ask for them. What a module reads is none of them, what it writes is one. Only of layers that a score
   * is made of.
   */
  readonly inner: ReadonlySet<string>;
  /** Sums of the stream and what a module writes. */
  readonly joins: ReadonlySet<string>;
}

/** Changes a scene's graph; answers what it did, or nothing if it found no place. */
export type NeutralChange = (scene: NeutralScene) => string | undefined;

/** What `NeutralScene` asks to know of a base; `inner` layer by layer. */
export interface Modules {
  readonly inner: readonly (readonly string[])[];
  readonly joins: ReadonlySet<string>;
}

export function modulesOf({ model }: Base): Modules {
  const graph = model.graph as GraphProto;
  const { layers } = readDecoder(model);
  const inner = layers.map(({ mixer, ffn }) =>
    [mixer, ffn].flatMap(({ input, output }) => between(graph, input, output)),
  );
  const joined = layers.flatMap(({ streamIn, middleJoin, stack }) => [
    streamIn,
    ...middleJoin.output,
    ...(stack ? [stack.predictions] : []),
  ]);
  return { inner, joins: new Set(joined) };
}

/** Values that are made of one and that another is made of, the last one included. */
function between({ node: nodes }: GraphProto, first: string, last: string): string[] {
  const after = new Set([first]);
  for (const { input, output } of nodes) {
    if (input.some((name) => after.has(name))) for (const name of output) after.add(name);
  }
  const before = new Set([last]);
  for (const { input, output } of [...nodes].reverse()) {
    if (!output.some((name) => before.has(name) && name !== first)) continue;
    for (const name of input) before.add(name);
  }
  return [...after].filter((name) => before.has(name) && name !== first);
}

/** Puts nodes behind a value: all that read it read what they make. Graph outputs stay as they are. */
export function readInstead(
  { graph }: NeutralScene,
  value: string,
  nodes: readonly NodeProto[],
  output: string,
): void {
  for (const node of graph.node) {
    node.input = node.input.map((name) => (name === value ? output : name));
  }
  const maker = graph.node.findIndex((node) => node.output.includes(value));
  graph.node.splice(maker + 1, 0, ...nodes);
}

/** Places where nodes read float32 that other nodes make, or a cache. */
export function floatEdges(scene: NeutralScene): Edge[] {
  const isCache = (value: string) => cachePort(value) !== undefined;
  const caches = scene.graph.node.flatMap((node) =>
    node.input.flatMap((value, input) => (isCache(value) ? [{ node, input, value }] : [])),
  );
  return [...edgesOf(scene).filter(({ value }) => scene.floats.has(value)), ...caches];
}
