/** Values read in other places than they were. */
import { edgesOf, insertBefore, type Mutation, makeNode, type Scene } from './mutation.js';

/** Reads another value of the same sizes. */
export const rewire: Mutation = (scene) => {
  const edge = scene.random.pick(edgesOf(scene));
  const other = edge && scene.random.pick(sameShape(scene, edge.value));
  if (!edge || other === undefined) return undefined;
  edge.node.input[edge.input] = other;
  return `${edge.node.opType} reads ${other} instead of ${edge.value}`;
};

/** Adds another value of the same sizes: a connection that skips what lies between. */
export const skip: Mutation = (scene) => {
  const edge = scene.random.pick(edgesOf(scene));
  const other = edge && scene.random.pick(sameShape(scene, edge.value));
  if (!edge || other === undefined) return undefined;
  const sum = scene.fresh();
  insertBefore(scene, edge.node, [makeNode('Add', [edge.value, other], [sum])]);
  edge.node.input[edge.input] = sum;
  return `${edge.node.opType} reads ${edge.value} + ${other}`;
};

/** Swaps two inputs of a node. */
export const swapInputs: Mutation = ({ graph, random }) => {
  const node = random.pick(graph.node.filter(({ input }) => input.length > 1));
  if (!node) return undefined;
  const from = random.below(node.input.length);
  const to = random.below(node.input.length);
  const [first = '', second = ''] = [node.input[from], node.input[to]];
  node.input[from] = second;
  node.input[to] = first;
  return `inputs ${from} and ${to} of ${node.opType} swapped`;
};

/** Leaves an input out. */
export const dropInput: Mutation = ({ graph, random }) => {
  const node = random.pick(graph.node.filter(({ input }) => input.length > 1));
  if (!node) return undefined;
  const at = random.below(node.input.length);
  node.input[at] = '';
  return `${node.opType} without its input ${at}`;
};

/** Takes a node out: its readers read what it read. */
export const bypass: Mutation = (scene) => {
  const { graph, random, cuts } = scene;
  const given = new Set(graph.output.map(({ name }) => name));
  const node = random.pick(
    graph.node.filter(({ output }) => !output.some((name) => cuts.has(name) || given.has(name))),
  );
  const [made, read] = [node?.output[0], node?.input[0]];
  if (!node || made === undefined || read === undefined) return undefined;
  graph.node.splice(graph.node.indexOf(node), 1);
  for (const each of graph.node)
    each.input = each.input.map((name) => (name === made ? read : name));
  return `without ${node.opType} that makes ${made}`;
};

/** A node reads what is made of its own output. */
export const cycle: Mutation = (scene) => {
  const edges = edgesOf(scene);
  const edge = scene.random.pick(edges);
  const later = edges.filter(({ value }) => edge?.node.output.includes(value));
  const after = scene.random.pick(later)?.node.output[0];
  if (!edge || after === undefined) return undefined;
  edge.node.input[edge.input] = after;
  return `${edge.node.opType} reads ${after}, which is made of its own output`;
};

/** An output of the graph gives out another value of the same sizes. */
export const otherOutput: Mutation = (scene) => {
  const { graph, random } = scene;
  const output = random.pick(graph.output);
  const other = output && random.pick(sameShape(scene, output.name));
  if (!output || other === undefined) return undefined;
  const inner = scene.fresh();
  for (const node of graph.node) {
    node.output = node.output.map((name) => (name === output.name ? inner : name));
    node.input = node.input.map((name) => (name === output.name ? inner : name));
  }
  graph.node.push(makeNode('Identity', [other === output.name ? inner : other], [output.name]));
  return `${output.name} is ${other}`;
};

function sameShape({ shapes }: Scene, value: string): string[] {
  const shape = `${shapes.get(value)}`;
  return [...shapes].flatMap(([name, dims]) =>
    name !== value && `${dims}` === shape ? [name] : [],
  );
}
