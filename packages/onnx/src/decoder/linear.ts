/**
 * Linear projections of tokens: a matrix product with a constant weight, whatever its precision, with
 * or without a bias after it.
 */
import {
  constantShape,
  type GraphIndex,
  inputAt,
  integerAttribute,
  outputAt,
} from '../graph/graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';

export interface Linear {
  /** What is projected, `[batch, tokens, inFeatures]`. */
  readonly input: string;
  /** The projection, bias included, `[batch, tokens, outFeatures]`. */
  readonly output: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
}

/** `com.microsoft.FusedMatMul` as ONNX Runtime saves it: a product, scaled, its second factor perhaps transposed. */
export function isFusedProduct(node: NodeProto): boolean {
  return (
    node.opType === 'FusedMatMul' &&
    ['transA', 'transBatchA', 'transBatchB'].every((name) => integerAttribute(node, name, 0) === 0)
  );
}

/** True for products of two values as they are, the second one perhaps transposed. */
export function isProduct(node: NodeProto): boolean {
  return node.opType === 'MatMul' || isFusedProduct(node);
}

/** The projection that makes a value, or undefined if none does. */
export function linearInto(graph: GraphIndex, output: string): Linear | undefined {
  let name = output;
  for (let node = graph.producer.get(name); node; node = graph.producer.get(name)) {
    const unbiased = withoutBias(graph, node);
    if (unbiased === undefined) {
      const found = spellings[node.opType]?.(graph, node, ...operands(node));
      return found && { ...found, output };
    }
    name = unbiased;
  }
  return undefined;
}

const operands = (node: NodeProto): [string, string] => [
  inputAt(node, 0) ?? '',
  inputAt(node, 1) ?? '',
];

/** What constant features, a bias, are added to; undefined for any other node. */
export function withoutBias(graph: GraphIndex, node: NodeProto): string | undefined {
  if (node.opType !== 'Add') return undefined;
  const [a, b] = operands(node);
  const bias = [a, b].find((name) => constantShape(graph, name)?.length === 1);
  return bias === undefined ? undefined : bias === a ? b : a;
}

/** Float weights, or weights that are dequantized in the graph. */
function product(graph: GraphIndex, node: NodeProto, input: string, weight: string) {
  const [inFeatures, outFeatures, more] = constantShape(graph, weight) ?? [];
  if (inFeatures === undefined || outFeatures === undefined || more !== undefined) return undefined;
  return { input, output: outputAt(node, 0) ?? '', inFeatures, outFeatures };
}

/** A product whose weight is transposed in the operator. */
function fused(graph: GraphIndex, node: NodeProto, input: string, weight: string) {
  if (!isFusedProduct(node)) return undefined;
  const linear = product(graph, node, input, weight);
  return linear && integerAttribute(node, 'transB', 0) !== 0 ? transposed(linear) : linear;
}

/** `Gemm` of rows as they are and a weight, perhaps transposed, with a bias inside. */
function gemm(graph: GraphIndex, node: NodeProto, input: string, weight: string) {
  if (integerAttribute(node, 'transA', 0) !== 0) return undefined;
  const linear = product(graph, node, input, weight);
  return linear && integerAttribute(node, 'transB', 0) !== 0 ? transposed(linear) : linear;
}

const transposed = (linear: Linear): Linear => ({
  ...linear,
  inFeatures: linear.outFeatures,
  outFeatures: linear.inFeatures,
});

/** `com.microsoft.MatMulNBits`: 4-bit blocks, the sizes are attributes. */
function blocks(_: GraphIndex, node: NodeProto, input: string): Linear {
  const inFeatures = integerAttribute(node, 'K', 0);
  const outFeatures = integerAttribute(node, 'N', 0);
  return { input, output: outputAt(node, 0) ?? '', inFeatures, outFeatures };
}

/** Dynamic int8: the input is quantized, the integer product cast and scaled. */
function scaled(graph: GraphIndex, _: NodeProto, a: string, b: string): Linear | undefined {
  for (const name of [a, b]) {
    const cast = graph.producer.get(name);
    const integers =
      cast?.opType === 'Cast' ? graph.producer.get(inputAt(cast, 0) ?? '') : undefined;
    if (integers?.opType !== 'MatMulInteger') continue;
    const quantize = graph.producer.get(inputAt(integers, 0) ?? '');
    if (quantize?.opType !== 'DynamicQuantizeLinear') continue;
    return product(graph, integers, inputAt(quantize, 0) ?? '', inputAt(integers, 1) ?? '');
  }
  return undefined;
}

type Spelling = (graph: GraphIndex, node: NodeProto, a: string, b: string) => Linear | undefined;

/** How a projection can be spelled, by the operator that makes its output. */
const spellings: Readonly<Record<string, Spelling>> = {
  FusedMatMul: fused,
  Gemm: gemm,
  MatMul: product,
  MatMulNBits: blocks,
  Mul: scaled,
  DynamicQuantizeMatMul: product,
};
