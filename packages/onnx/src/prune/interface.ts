/** What a pruned decoder takes and gives besides what the original does. */
import type { PrunePlan } from '@transprune/core';
import type { Decoder } from '../decoder/decoder.js';
import { valueShape } from '../graph/graph.js';
import { tensorInfo } from '../graph/value-info.js';
import { type GraphProto, TensorProto_DataType, type ValueInfoProto } from '../proto/onnx_pb.js';

/** int64 `[batch, sequence_length]`, not 0 at image tokens; all 0 while decoding. */
export const imageMaskInput = 'image_mask';

/** int64 `[kept]`: survivors of a stage as positions in the input sequence, ascending. */
export const keptOutput = (stage: number) => `pruning.kept.${stage}`;

/** float32 `[1, tokens before the stage]`: the score, 0 at text tokens. */
export const scoreOutput = (stage: number) => `pruning.score.${stage}`;

/** The graph's inputs, caches behind a prune with a length of their own, and the image mask. */
export function prunedInputs(
  graph: GraphProto,
  decoder: Decoder,
  plan: PrunePlan,
): ValueInfoProto[] {
  const own = graph.input.map((info) => withOwnLength(info, decoder, plan));
  const embeddings = graph.input.find(({ name }) => name === decoder.inputs.embeddings);
  const sizes = valueShape(embeddings).slice(0, 2);
  return plan.stages.length === 0
    ? own
    : [...own, tensorInfo(imageMaskInput, TensorProto_DataType.INT64, sizes)];
}

/** The graph's outputs, those behind a prune with a length of their own, and the trace. */
export function prunedOutputs(
  graph: GraphProto,
  decoder: Decoder,
  plan: PrunePlan,
  trace: boolean,
): ValueInfoProto[] {
  const own = graph.output.map((info) => withOwnLength(info, decoder, plan));
  if (!trace) return own;
  const stages = plan.stages.flatMap(({ afterLayer }, index) => [
    tensorInfo(keptOutput(index), TensorProto_DataType.INT64, [`kept_after_layer_${afterLayer}`]),
    tensorInfo(scoreOutput(index), TensorProto_DataType.FLOAT, [
      1,
      `tokens_at_layer_${afterLayer}`,
    ]),
  ]);
  return [...own, ...stages];
}

/** The runtime's memory planner takes equal names of sizes for equal sizes, so each stage has its own. */
function withOwnLength(info: ValueInfoProto, decoder: Decoder, plan: PrunePlan): ValueInfoProto {
  const layer = decoder.layers.findIndex(({ cache }) => Object.values(cache).includes(info.name));
  const isLogits = info.name === decoder.logits;
  if (layer < 0 && !isLogits) return info;
  const depth = isLogits ? decoder.layers.length : layer;
  const stage = plan.stages.findLast(({ afterLayer }) => afterLayer <= depth);
  if (!stage) return info;
  const lengthAxis = isLogits ? 1 : 2;
  const sizes = valueShape(info).map((size, axis) =>
    axis === lengthAxis && typeof size !== 'number'
      ? `${size ?? 'length'}_after_layer_${stage.afterLayer}`
      : size,
  );
  const type = info.type?.value;
  return type?.case === 'tensorType' ? tensorInfo(info.name, type.value.elemType, sizes) : info;
}
