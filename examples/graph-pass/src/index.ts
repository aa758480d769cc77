/** Logits of the last token alone, which is all that a greedy choice of the next token reads. */
import type { OnnxModel } from '@transprune/onnx';
import {
  create,
  createEmitter,
  standardOpset,
  tensorInfo,
  valueShape,
} from '@transprune/onnx/extend';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
} from '@transprune/onnx/proto';

/** Cuts `logits` to `[batch, 1, vocabulary]`. */
export function lastLogits(model: OnnxModel): { model: OnnxModel; report: { added: number } } {
  const graph = model.graph ?? create(GraphProtoSchema);
  const { node: nodes, initializer: weights } = graph;
  const taken = [...nodes.flatMap(({ output }) => output), ...weights.map(({ name }) => name)];
  const emitter = createEmitter([...taken, 'all_logits'], standardOpset(model));
  const { int64 } = emitter;
  const node = nodes.map((own) =>
    own.output.includes('logits')
      ? create(NodeProtoSchema, {
          ...own,
          output: own.output.map((name) => (name === 'logits' ? 'all_logits' : name)),
        })
      : own,
  );
  emitter.emit('Slice', ['all_logits', int64([-1]), int64([Number.MAX_SAFE_INTEGER]), int64([1])], {
    outputs: ['logits'],
  });
  const output = graph.output.map((info) => {
    if (info.name !== 'logits') return info;
    const [batch, , vocabulary] = valueShape(info);
    return tensorInfo('logits', TensorProto_DataType.FLOAT, [batch, 1, vocabulary]);
  });
  const added = create(GraphProtoSchema, {
    ...graph,
    node: [...node, ...emitter.nodes],
    initializer: [...weights, ...emitter.initializers],
    output,
  });
  return {
    model: create(ModelProtoSchema, { ...model, graph: added }),
    report: { added: emitter.nodes.length },
  };
}
