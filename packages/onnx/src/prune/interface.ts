/** What a pruned decoder takes and gives besides what the original does. */
import type { PrunePlan } from '@transprune/core';
import type { Decoder } from '../decoder/decoder.js';
import { valueShape } from '../graph/graph.js';
import { tensorInfo } from '../graph/value-info.js';
import { type GraphProto, TensorProto_DataType, type ValueInfoProto } from '../proto/onnx_pb.js';

/**
 * int64 `[batch, sequence_length]`: 0 at text, another number at image tokens; all 0 while decoding.
 * Where a plan keeps a share of each image, the numbers 1, 2, 3 ... tell the images apart.
 */
export const imageMaskInput = 'image_mask';

/**
 * int64 `[batch, sequence_length]`, not 0 at the tokens whose attention is asked; where a row has
 * none, the tokens after its last image token are.
 */
export const instructionMaskInput = 'instruction_mask';

/** float32 `[stages]`: what each stage keeps of the image tokens at the start; all ones: everything. */
export const keepRatiosInput = 'keep_ratios';

/** int64 `[batch, past]`, 1 at what a stage's cache holds and 0 at padding; empty at the start. */
export const pastMaskInput = (stage: number) => `past_pruning.mask.${stage}`;

/** int64 `[batch, past + kept]`: the mask that goes with a stage's present cache. */
export const maskOutput = (stage: number) => `pruning.mask.${stage}`;

/**
 * Survivors of a stage as positions in the input sequence, ascending: int64 `[kept]`, or
 * `[batch, kept]` with -1 at padding.
 */
export const keptOutput = (stage: number) => `pruning.kept.${stage}`;

/** float32 `[batch, tokens before the stage]`: the score, 0 at text tokens. */
export const scoreOutput = (stage: number) => `pruning.score.${stage}`;

/** What the pruned graph takes and gives beyond the plan. */
export interface InterfaceOptions {
  readonly trace: boolean;
  readonly batch: boolean;
  readonly runtimeRatios: boolean;
  readonly instructionMask: boolean;
}

const { FLOAT, INT64 } = TensorProto_DataType;

/** The graph's inputs, caches after a prune with a length of their own, and those of the pruning. */
export function prunedInputs(
  graph: GraphProto,
  decoder: Decoder,
  plan: PrunePlan,
  { batch, runtimeRatios, instructionMask }: InterfaceOptions,
): ValueInfoProto[] {
  const own = graph.input.map((info) => withOwnLength(info, decoder, plan));
  const embeddings = graph.input.find(({ name }) => name === decoder.inputs.embeddings);
  const sizes = valueShape(embeddings).slice(0, 2);
  if (plan.stages.length === 0) return own;
  return [
    ...own,
    tensorInfo(imageMaskInput, INT64, sizes),
    ...(instructionMask ? [tensorInfo(instructionMaskInput, INT64, sizes)] : []),
    ...(runtimeRatios ? [tensorInfo(keepRatiosInput, FLOAT, [plan.stages.length])] : []),
    ...(batch
      ? plan.stages.map(({ afterLayer }, stage) =>
          tensorInfo(pastMaskInput(stage), INT64, [sizes[0], `past_after_layer_${afterLayer}`]),
        )
      : []),
  ];
}

/** The graph's outputs, those after a prune with a length of their own, and those of the pruning. */
export function prunedOutputs(
  graph: GraphProto,
  decoder: Decoder,
  plan: PrunePlan,
  { trace, batch }: InterfaceOptions,
): ValueInfoProto[] {
  const own = graph.output.map((info) => withOwnLength(info, decoder, plan));
  const embeddings = graph.input.find(({ name }) => name === decoder.inputs.embeddings);
  const rows = valueShape(embeddings)[0];
  const masks = plan.stages.map(({ afterLayer }, stage) =>
    tensorInfo(maskOutput(stage), INT64, [rows, `total_after_layer_${afterLayer}`]),
  );
  const traces = plan.stages.flatMap(({ afterLayer }, stage) => [
    tensorInfo(keptOutput(stage), INT64, [
      ...(batch ? [rows] : []),
      `kept_after_layer_${afterLayer}`,
    ]),
    tensorInfo(scoreOutput(stage), FLOAT, [rows, `tokens_at_layer_${afterLayer}`]),
  ]);
  return [...own, ...(batch ? masks : []), ...(trace ? traces : [])];
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
