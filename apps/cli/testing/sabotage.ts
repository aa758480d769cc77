/** Pruned graphs with a fault, as a mistake in the surgery would leave it. */
import type { OnnxModel } from '@transprune/onnx';

type Graph = NonNullable<OnnxModel['graph']>;
type Node = Graph['node'][number];

/** The nodes of a graph and of the branches in it, each in the list that it stands in. */
function nodeLists({ node }: Graph): Node[][] {
  const branches = node.flatMap(({ attribute }) => attribute.flatMap(({ g }) => (g ? [g] : [])));
  return [node, ...branches.flatMap(nodeLists)];
}

const nodesOf = (graph: Graph) => nodeLists(graph).flat();

/** Puts a node in front of another one, where that stands. */
function insert(graph: Graph, before: Node, node: Node): void {
  const list = nodeLists(graph).find((nodes) => nodes.includes(before));
  list?.splice(list.indexOf(before), 0, node);
}

/** The first node of a kind in a part of the pruning. */
function find(graph: Graph, scope: RegExp, opType: string): Node {
  const found = nodesOf(graph).find(
    (one) => one.opType === opType && scope.test(one.output[0] ?? ''),
  );
  if (!found) throw new Error(`expected a ${opType} in ${scope}`);
  return found;
}

const positions = /^pruning\/after_layer_\d+\/positions\//;

function findAll(graph: Graph, scope: RegExp, opType: string): Node[] {
  return nodesOf(graph).filter((one) => one.opType === opType && scope.test(one.output[0] ?? ''));
}

/** True for the names of values that a node's output is read into directly. */
function isAfter(graph: Graph, { output: [made = ''] }: Node): (name: string) => boolean {
  const readers = nodesOf(graph).filter(({ input }) => input.includes(made));
  const names = new Set([made, ...readers.flatMap(({ output }) => output)]);
  return (name) => names.has(name);
}

let sums = 0;

const scored = 'pruning.score.0';

/** Adds a range's start to itself and to its end. */
function startTwice(graph: Graph, range: Node): void {
  const [start = '', end = ''] = range.input;
  const [twice, further] = [start, end].map((name): string => {
    const output = `twice/${sums++}`;
    const sum = { ...range, opType: 'Add', name: output, attribute: [] };
    sum.input = [name, start];
    sum.output = [output];
    insert(graph, range, sum);
    return output;
  });
  range.input = [twice ?? '', further ?? '', range.input[2] ?? ''];
}

export const faults = {
  /** On top of a cache, positions after a prune start at twice its length. */
  'positions counted twice'(graph: Graph) {
    for (const range of findAll(graph, positions, 'Range')) startTwice(graph, range);
  },
  /** The same in the score alone. */
  'positions of the score counted twice'(graph: Graph) {
    const [range] = findAll(graph, positions, 'Range').filter((one) =>
      nodesOf(graph).some(
        ({ input, output }) => /\/scored/.test(output[0] ?? '') && input.some(isAfter(graph, one)),
      ),
    );
    if (!range) throw new Error('expected positions for the score');
    startTwice(graph, range);
  },
  /** Positions after a prune go on from the first layer's cache, which is longer. */
  "positions of another layer's cache"(graph: Graph) {
    for (const shape of findAll(graph, positions, 'Shape')) {
      if (/^past_key/.test(shape.input[0] ?? '')) shape.input = ['past_key_values.0.key'];
    }
  },
  /** The worst image tokens are kept. */
  'ranked upside down'(graph: Graph) {
    const best = find(graph, /^pruning\/after_layer_\d+\//, 'TopK');
    const ranked = nodesOf(graph).find(({ output }) => output.includes(best.input[0] ?? ''));
    if (!ranked) throw new Error('expected a node that ranks');
    const negated = { ...ranked, opType: 'Neg', name: 'upside/down', attribute: [] };
    negated.input = [ranked.input[0] ?? ''];
    negated.output = ['upside/down'];
    insert(graph, ranked, negated);
    ranked.input = ['upside/down', ...ranked.input.slice(1)];
  },
  /** The two terms of the score are subtracted. */
  'another formula'(graph: Graph) {
    const gate = nodesOf(graph).find(({ output }) => output.includes(scored));
    // Only graphs with a trace give the score out.
    if (!gate) return;
    const branch = gate.attribute.find(({ name }) => name === 'then_branch')?.g;
    let value = branch?.output[gate.output.indexOf(scored)]?.name;
    const maker = () => branch?.node.find(({ output }) => output.includes(value ?? ''));
    // The sum is masked, and may be cast.
    while (maker() && maker()?.opType !== 'Add') value = maker()?.input[0];
    const sum = maker();
    if (!sum) throw new Error('expected a sum of two terms');
    sum.opType = 'Sub';
  },
  /** A tensor after a prune takes the rows that stood before the kept ones. */
  'rows out of place'(graph: Graph) {
    const gather = nodesOf(graph).findLast(
      ({ opType, output }) =>
        opType === 'Gather' && /^pruning\/after_layer_\d+\/Gather/.test(output[0] ?? ''),
    );
    if (!gather) throw new Error('expected rows to be gathered');
    const flipped = { ...gather, opType: 'Neg', name: 'flipped', attribute: [] };
    flipped.input = [gather.input[1] ?? ''];
    flipped.output = ['flipped'];
    insert(graph, gather, flipped);
    gather.input = [gather.input[0] ?? '', 'flipped'];
  },
} as const satisfies Record<string, (graph: Graph) => void>;

export type Fault = keyof typeof faults;
