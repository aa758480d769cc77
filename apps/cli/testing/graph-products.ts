/** Multiply-adds of a graph, counted off the shapes that its own nodes meet while it runs. */
import { nodeBackend } from '@transprune/backend-node';
import { elementCount } from '@transprune/core';
import { encodeModel, type OnnxModel } from '@transprune/onnx';
import {
  type CacheSizes,
  DecoderSession,
  openSession,
  type PrefillCall,
} from '@transprune/session';

type Graph = NonNullable<OnnxModel['graph']>;
type Node = Graph['node'][number];
type Shape = readonly number[];
type ShapeOf = (value: string | undefined) => Shape;

const attribute = (node: Node, name: string) =>
  Number(node.attribute.find((entry) => entry.name === name)?.i ?? 0);

/** Nodes with matrix products: the values whose shapes tell how large they are, and the count. */
const readers: Readonly<
  Record<
    string,
    {
      values: (node: Node) => (string | undefined)[];
      count: (node: Node, shapeOf: ShapeOf) => number;
    }
  >
> = {
  MatMul: {
    values: ({ input, output }) => [input[0], output[0]],
    count: ({ input, output }, shapeOf) =>
      elementCount(shapeOf(output[0])) * (shapeOf(input[0]).at(-1) ?? 0),
  },
  MatMulNBits: {
    values: ({ output }) => [output[0]],
    count: (node, shapeOf) => elementCount(shapeOf(node.output[0])) * attribute(node, 'K'),
  },
  // Of each token: the matrices of as many experts as it passes.
  MoE: {
    values: ({ output }) => [output[0]],
    count: (node, shapeOf) => {
      const tokens = elementCount(shapeOf(node.output[0]).slice(0, -1));
      const [first = 0, last = 0] = [2, 4].map((at) =>
        elementCount(shapeOf(node.input[at]).slice(1)),
      );
      return tokens * attribute(node, 'k') * (first + last);
    },
  },
  // A filter for each channel.
  Conv: {
    values: ({ output }) => [output[0]],
    count: (node, shapeOf) =>
      elementCount(shapeOf(node.output[0])) * (shapeOf(node.input[1]).at(-1) ?? 0),
  },
  CausalConvWithState: {
    values: ({ output }) => [output[0]],
    count: (node, shapeOf) =>
      elementCount(shapeOf(node.output[0])) * (shapeOf(node.input[1]).at(-1) ?? 0),
  },
  // Each token reads the state by its key, corrects it, and reads it by its query.
  LinearAttention: {
    values: ({ input, output }) => [input[2], output[1]],
    count: ({ input, output }, shapeOf) =>
      3 * (shapeOf(input[2])[1] ?? 0) * elementCount(shapeOf(output[1])),
  },
  GroupQueryAttention: { values: ({ output }) => [output[0], output[1]], count: attentionProducts },
  MultiHeadAttention: { values: ({ output }) => [output[0], output[1]], count: attentionProducts },
};

/** Scores and mixture of a fused node, over as many keys as its window lets a token see. */
function attentionProducts(node: Node, shapeOf: ShapeOf): number {
  const [batch = 0, tokens = 0, width = 0] = shapeOf(node.output[0]);
  const keys = shapeOf(node.output[1])[2] ?? 0;
  const window = attribute(node, 'local_window_size');
  return 2 * batch * tokens * width * (window > 0 ? Math.min(keys, window) : keys);
}

/** The graph with what runs in a call with an image in place of each `If`, so that its values can be read. */
function withoutGates(graph: Graph): Graph {
  const open = graph.node.flatMap(({ opType, attribute, output }) => {
    const branch = attribute.find(({ name }) => name === 'then_branch')?.g;
    return opType === 'If' && branch ? [{ branch, output }] : [];
  });
  const gates = new Set(graph.node.filter(({ opType }) => opType === 'If'));
  const [like] = graph.node;
  const copies = open.flatMap(({ branch, output }) =>
    branch.output.flatMap(({ name }, at): Node[] => {
      const outer = output[at];
      if (!like || outer === undefined) return [];
      const node = { ...like, name: outer, opType: 'Identity', domain: '', attribute: [] };
      return [{ ...node, input: [name], output: [outer] }];
    }),
  );
  return {
    ...graph,
    // onnxruntime puts nodes in order.
    node: [
      ...graph.node.filter((node) => !gates.has(node)),
      ...open.flatMap(({ branch }) => branch.node),
      ...copies,
    ],
    initializer: [...graph.initializer, ...open.flatMap(({ branch }) => branch.initializer)],
  };
}

/** Runs a prompt through a decoder and counts the multiply-adds of its matrix products. */
export async function graphProducts(
  model: OnnxModel,
  call: PrefillCall,
  cacheSizes: CacheSizes = {},
): Promise<number> {
  const graph = model.graph && withoutGates(model.graph);
  const [output] = graph?.output ?? [];
  if (!graph || !output) throw new Error('the graph has no output');
  const nodes = graph.node.filter(({ opType }) => opType in readers);
  const stored = new Map(graph.initializer.map(({ name, dims }) => [name, dims.map(Number)]));
  const given = new Map([...graph.input].map(({ name }) => [name, call.embeddings.dims]));
  const values = new Set<string>();
  for (const node of nodes) {
    for (const name of readers[node.opType]?.values(node) ?? []) {
      if (name && !stored.has(name) && !given.has(name)) values.add(name);
    }
  }
  const { type: _, ...untyped } = output;
  const declared = new Set(graph.output.map(({ name }) => name));
  const added = [...values].filter((name) => !declared.has(name));
  const watched: OnnxModel = {
    ...model,
    graph: { ...graph, output: [...graph.output, ...added.map((name) => ({ ...untyped, name }))] },
  };
  const session = await openSession(nodeBackend, { bytes: encodeModel(watched) }, 'cpu');
  const decoder = new DecoderSession(session, { cacheSizes });
  const answer = await decoder.prefill({ ...call, fetch: [...values] });
  const shapeOf: ShapeOf = (name = '') => {
    const tensor = name === 'logits' ? answer.logits : answer.outputs[name];
    const shape = tensor?.dims ?? stored.get(name) ?? given.get(name);
    if (!shape) throw new Error(`no shape of ${name}`);
    return shape;
  };
  let products = 0;
  for (const node of nodes) products += readers[node.opType]?.count(node, shapeOf) ?? 0;
  decoder.dispose();
  await session.dispose();
  return products;
}
