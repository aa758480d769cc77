/** What a reduction of image tokens goes by, as outputs of the vision encoder. */
import { create } from '@bufbuild/protobuf';
import type { EncoderSignalName, ReductionMethod } from '@transprune/core';
import { refuse } from '../decoder/refuse.js';
import { onnxAlgebra } from '../graph/algebra.js';
import { createEmitter } from '../graph/emitter.js';
import { type GraphIndex, indexGraph, inputAt, makers, namesIn, outputAt } from '../graph/graph.js';
import { sortNodes } from '../graph/sort.js';
import { tensorInfo } from '../graph/value-info.js';
import { upstreamNodes } from '../graph/walk.js';
import { type OnnxModel, standardOpset } from '../model/codec.js';
import { GraphProtoSchema, ModelProtoSchema, TensorProto_DataType } from '../proto/onnx_pb.js';

const { FLOAT } = TensorProto_DataType;

/** What the pass added. */
export interface EncoderMeasures {
  /** Names of the outputs, float32, in the order of the method's measures. */
  readonly outputs: readonly string[];
}

/**
 * Gives out what a reduction measures: its formula as nodes, over the last attention and the features. The model that
 * came in is not changed.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL if the encoder's attention is not spelled out in plain operators
 */
export function measureEncoder(
  model: OnnxModel,
  method: ReductionMethod,
): { model: OnnxModel; report: EncoderMeasures } {
  const { graph } = model;
  if (!graph) return { model, report: { outputs: [] } };
  const emitter = createEmitter(namesIn(graph), standardOpset(model), { prefix: 'reduction' });
  const found = signalsOf(indexGraph(graph), method.needs);
  const signals = Object.fromEntries(
    Object.entries(found).map(([name, value]) => [name, emitter.cast(value, FLOAT)]),
  ) as Record<EncoderSignalName, string>;
  const outputs = method.measures(onnxAlgebra(emitter), signals).map((value, at) => {
    const name = `reduction.measure.${at}`;
    return emitter.emit('Identity', [value], { outputs: [name] });
  });
  const measured = create(GraphProtoSchema, {
    ...graph,
    node: sortNodes([...graph.node, ...emitter.nodes]),
    initializer: [...graph.initializer, ...emitter.initializers],
    output: [...graph.output, ...outputs.map((name) => tensorInfo(name, FLOAT))],
  });
  return { model: create(ModelProtoSchema, { ...model, graph: measured }), report: { outputs } };
}

/** The values that hold the signals. */
function signalsOf(
  graph: GraphIndex,
  needs: readonly EncoderSignalName[],
): Partial<Record<EncoderSignalName, string>> {
  const [features] = graph.graph.output;
  const attends = needs.includes('attention') || needs.includes('keys');
  return {
    ...(features && needs.includes('features') && { features: features.name }),
    ...(features && attends && lastAttention(graph, features.name)),
  };
}

/** Operators between the products of an attention that change values one by one. */
const elementwise = ['Add', 'Sub', 'Mul', 'Div', 'Cast', 'Where', 'Dropout', 'Identity'];

/** The last softmax of the features that weighs values: its result, and the keys, `[..., head_dim, tokens]`. */
function lastAttention(
  graph: GraphIndex,
  features: string,
): Pick<Record<EncoderSignalName, string>, 'attention' | 'keys'> {
  const softmax = upstreamNodes(graph.graph.node, [features]).findLast(
    (node) => node.opType === 'Softmax' && isMultiplied(graph, outputAt(node, 0) ?? ''),
  );
  if (softmax) {
    for (const node of makers(graph, inputAt(softmax, 0) ?? '')) {
      const keys = inputAt(node, 1);
      if (node.opType === 'MatMul' && keys) return { attention: outputAt(softmax, 0) ?? '', keys };
      if (!elementwise.includes(node.opType)) break;
    }
  }
  refuse({
    where: 'vision encoder',
    expected: 'attention in plain operators (MatMul, Softmax, MatMul)',
    found: softmax ? 'a softmax of something else' : 'none',
    ...(softmax && { node: softmax }),
  });
}

function isMultiplied(graph: GraphIndex, value: string): boolean {
  return (graph.uses.get(value) ?? []).some(({ node }) =>
    node.opType === 'MatMul'
      ? true
      : elementwise.includes(node.opType) && isMultiplied(graph, outputAt(node, 0) ?? ''),
  );
}
