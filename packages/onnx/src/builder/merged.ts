/**
 * Optimum's merged decoders: one `If` whose branches are the decoder with a past and without one.
 * Weights and constants stand in the outer graph, once.
 */
import { create } from '@bufbuild/protobuf';
import { createEmitter } from '../graph/emitter.js';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  type ValueInfoProto,
} from '../proto/onnx_pb.js';
import type { BuildContext } from './context.js';
import { extraInputs } from './interface.js';

/**
 * @param outputs of either branch, and of the node
 * @param initializers of the outer graph; the branches' constants are added to them
 * @param emit writes the decoder
 */
export function mergedBranches(
  context: Omit<BuildContext, 'emitter' | 'withPast'>,
  opset: number,
  outputs: readonly ValueInfoProto[],
  initializers: TensorProto[],
  emit: (context: BuildContext) => void,
): NodeProto {
  // Constants are named by what they hold, so the branches agree on them.
  const constants = new Map<string, TensorProto>();
  const branch = (name: string, withPast: boolean) => {
    const emitter = createEmitter([], opset);
    emit({ ...context, emitter, withPast });
    for (const constant of emitter.initializers) constants.set(constant.name, constant);
    const graph = create(GraphProtoSchema, { name, node: emitter.nodes, output: [...outputs] });
    return create(AttributeProtoSchema, {
      name,
      type: AttributeProto_AttributeType.GRAPH,
      g: graph,
    });
  };
  const attribute = [branch('then_branch', true), branch('else_branch', false)];
  initializers.push(...constants.values());
  return create(NodeProtoSchema, {
    name: 'merged_branches',
    opType: 'If',
    input: [extraInputs.useCacheBranch],
    output: outputs.map(({ name }) => name),
    attribute,
  });
}
