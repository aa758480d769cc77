/** What layers read besides the stream, weights and their own cache, and what that is made of. */

import { presentsOf } from '../decoder/caches.js';
import { type ClassifiedGraph, inputsOf } from '../decoder/classified-graph.js';
import type { Decoder, DecoderLayer } from '../decoder/decoder.js';
import { inputAt } from '../graph/graph.js';
import { walk } from '../graph/walk.js';
import type { NodeProto } from '../proto/onnx_pb.js';

/** Derived values that are alike: what for, and functions of the same inputs. */
export interface DerivedReport {
  /** What a layer uses them as. */
  readonly use: 'mask or lengths' | 'angles' | 'positions' | 'sizes' | 'other';
  /** Inputs that they are functions of, such as `attention_mask` or `shape of inputs_embeds`. */
  readonly of: readonly string[];
  /** How many values there are. */
  readonly values: number;
  /** Nodes that make them, all together. */
  readonly nodes: number;
  /** Layers that read at least one of them, from 1. */
  readonly layers: readonly number[];
}

/** A value that some layers read. */
interface DerivedValue {
  readonly name: string;
  readonly use: DerivedReport['use'];
  readonly layers: number[];
}

/** What a value is computed from. */
interface Origin {
  readonly nodes: ReadonlySet<NodeProto>;
  readonly of: ReadonlySet<string>;
}

const uses: readonly DerivedReport['use'][] = [
  'mask or lengths',
  'angles',
  'positions',
  'sizes',
  'other',
];

/** Describes the derived values of a decoder. */
export function describeDerived(decoder: Decoder): DerivedReport[] {
  const { graph } = decoder;
  const values = derivedValues(graph, decoder).map((value) => ({
    ...value,
    origin: originOf(graph, value.name),
  }));
  const ownCache = ownCaches(decoder, values);
  const groups = new Map<string, { use: DerivedReport['use']; values: typeof values }>();
  for (const value of values) {
    const { nodes, of } = value.origin;
    const use = value.use === 'other' && [...of].every(isShape) ? 'sizes' : value.use;
    // Exporters that compute a value anew for each layer get one line, not one for each layer.
    const readers = value.layers.length > 1 ? value.layers : [];
    const inputs = named(of, ownCache);
    const key = use === 'sizes' ? use : JSON.stringify([use, inputs, nodes.size, readers]);
    const group = groups.get(key) ?? { use, values: [] };
    group.values.push(value);
    groups.set(key, group);
  }
  return [...groups.values()]
    .map(({ use, values }) => ({
      use,
      of: named(new Set(values.flatMap(({ origin }) => [...origin.of])), ownCache),
      values: values.length,
      nodes: new Set(values.flatMap(({ origin }) => [...origin.nodes])).size,
      layers: [...new Set(values.flatMap(({ layers }) => layers))].sort((a, b) => a - b),
    }))
    .sort((a, b) => uses.indexOf(a.use) - uses.indexOf(b.use));
}

const shapeOf = 'shape of ';
const isShape = (origin: string) => origin.startsWith(shapeOf);

/** Caches whose length only values of their own layer read. */
function ownCaches(
  { layers }: Decoder,
  values: readonly (DerivedValue & { readonly origin: Origin })[],
): ReadonlySet<string> {
  const readers = new Map<string, Set<number>>();
  for (const { origin, layers } of values) {
    for (const input of origin.of) {
      const known = readers.get(input) ?? new Set();
      for (const layer of layers) known.add(layer);
      readers.set(input, known);
    }
  }
  const own = layers.flatMap(({ cache }, at) =>
    [cache?.pastKey, cache?.pastValue].filter((name) => {
      const [layer, other] = readers.get(`${shapeOf}${name}`) ?? [];
      return name !== undefined && other === undefined && layer === at + 1;
    }),
  );
  return new Set(own.map((name) => `${shapeOf}${name}`));
}

/** Origins in words, in order; a value tells its shape too. */
function named(of: ReadonlySet<string>, ownCache: ReadonlySet<string>): string[] {
  const names = [...of]
    .filter((name) => !isShape(name) || !of.has(name.slice(shapeOf.length)))
    .map((name) => (ownCache.has(name) ? `${shapeOf}the layer's own cache` : name));
  return [...new Set(names)].sort();
}

/** Every derived value that a layer reads. */
function derivedValues(graph: ClassifiedGraph, decoder: Decoder): DerivedValue[] {
  const values = new Map<string, DerivedValue>();
  const claimed = new Set<NodeProto>();
  decoder.layers.forEach((layer, at) => {
    const uses = usesIn(layer);
    for (const node of nodesOf(graph, layer, claimed)) {
      for (const name of node.input) {
        if (name === '' || graph.kindOf(name) !== 'derived') continue;
        const known = values.get(name);
        const use = uses.get(name) ?? known?.use ?? 'other';
        const layers = known?.layers ?? [];
        if (layers.at(-1) !== at + 1) layers.push(at + 1);
        values.set(name, { name, use, layers });
      }
    }
  });
  return [...values.values()];
}

/** What the reading says about a layer's derived values. */
function usesIn({ attention }: DecoderLayer): Map<string, DerivedReport['use']> {
  if (!attention) return new Map();
  const { reading } = attention;
  const masks = reading.derivedInputs.map((name) => [name, 'mask or lengths'] as const);
  const angles = reading.angles.map(
    ({ value, axis }) => [value, axis === -1 ? 'positions' : 'angles'] as const,
  );
  return new Map([...masks, ...angles]);
}

/** Nodes of a layer that hold tokens; those of earlier layers are claimed already. */
function* nodesOf(
  graph: ClassifiedGraph,
  layer: DecoderLayer,
  claimed: Set<NodeProto>,
): Iterable<NodeProto> {
  const open = [layer.ffn.output, ...presentsOf(layer)];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = graph.producer.get(name);
    if (!node || claimed.has(node)) continue;
    claimed.add(node);
    yield node;
    open.push(...node.input.filter((input) => graph.kindOf(input) === 'token'));
  }
}

/** The nodes that make a value, and the inputs where they start. */
function originOf(graph: ClassifiedGraph, name: string): Origin {
  const nodes = new Set<NodeProto>();
  const of = new Set<string>();
  const measuredBy = (node: NodeProto) => (node.opType === 'Shape' ? (inputAt(node, 0) ?? '') : '');
  const next = (value: string) => {
    const node = graph.producer.get(value);
    return node && graph.input.has(measuredBy(node)) ? [] : inputsOf(graph, value, 'derived');
  };
  for (const value of walk([name], next)) {
    const node = graph.producer.get(value);
    if (!node) {
      of.add(value);
      continue;
    }
    nodes.add(node);
    const measured = measuredBy(node);
    if (graph.input.has(measured)) of.add(`${shapeOf}${measured}`);
    else if (graph.kindOf(measured) === 'token') of.add(`${shapeOf}the layer's own values`);
  }
  return { nodes, of };
}
