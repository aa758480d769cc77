/** Linear projections: a MatMul with a constant weight, with or without a bias behind it. */
import { type GraphIndex, inputAt, outputAt } from '../graph/graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';

export interface Linear {
  readonly node: NodeProto;
  readonly input: string;
  readonly output: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
}

/** The projection that makes a value, or undefined if none does. */
export function linearInto(graph: GraphIndex, output: string): Linear | undefined {
  const producer = graph.producer.get(output);
  if (!producer) return undefined;
  if (producer.opType === 'Add') {
    const [bias, product] = [...producer.input].sort(
      (a, b) => Number(graph.initializer.has(b)) - Number(graph.initializer.has(a)),
    );
    if (!bias || !product || !graph.initializer.has(bias)) return undefined;
    const linear = linearInto(graph, product);
    return linear && { ...linear, output };
  }
  return asLinear(graph, producer);
}

/** The projection that reads a value; undefined if anything else reads it too. */
export function linearFrom(graph: GraphIndex, input: string): Linear | undefined {
  const product = soleReader(graph, input);
  const linear = product && asLinear(graph, product);
  if (!linear || linear.input !== input) return undefined;
  const next = soleReader(graph, linear.output);
  const biased = next?.opType === 'Add' && next.input.some((name) => graph.initializer.has(name));
  return biased ? { ...linear, output: outputAt(next, 0) ?? linear.output } : linear;
}

function asLinear(graph: GraphIndex, node: NodeProto): Linear | undefined {
  const [input, output] = [inputAt(node, 0), outputAt(node, 0)];
  const weight = graph.initializer.get(inputAt(node, 1) ?? '');
  if (node.opType !== 'MatMul' || !input || !output || weight?.dims.length !== 2) return undefined;
  const [inFeatures, outFeatures] = weight.dims.map(Number);
  return { node, input, output, inFeatures: inFeatures ?? 0, outFeatures: outFeatures ?? 0 };
}

function soleReader(graph: GraphIndex, value: string): NodeProto | undefined {
  const uses = graph.uses.get(value) ?? [];
  return uses.length === 1 ? uses[0]?.node : undefined;
}
