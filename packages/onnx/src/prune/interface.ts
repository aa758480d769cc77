/** What a pruned decoder takes and gives besides what the original does. */
import {
  imageMaskInput,
  instructionMaskInput,
  keepRatiosInput,
  keptOutput,
  lengthAfter,
  lengthOutput,
  maskOutput,
  type PrunePlan,
  pastLengthInput,
  pastMaskInput,
  scoreOutput,
} from '@transprune/core';
import { presentsOf } from '../decoder/caches.js';
import type { Decoder } from '../decoder/decoder.js';
import { refuse } from '../decoder/refuse.js';
import { inputAt, makers, valueShape, valuesIn } from '../graph/graph.js';
import { tensorInfo } from '../graph/value-info.js';
import { type GraphProto, TensorProto_DataType, type ValueInfoProto } from '../proto/onnx_pb.js';
import type { CacheMode } from './cache-modes.js';

/** What the pruned graph takes and gives beyond the plan. */
export interface InterfaceOptions {
  readonly trace: boolean;
  readonly batch: boolean;
  readonly cache: CacheMode;
  readonly runtimeRatios: boolean;
  readonly instructionMask: boolean;
}

const { FLOAT, INT64 } = TensorProto_DataType;

/** The graph's inputs, caches after a prune with a length of their own, and those of the pruning. */
export function prunedInputs(
  graph: GraphProto,
  decoder: Decoder,
  plan: PrunePlan,
  { batch, cache, runtimeRatios, instructionMask }: InterfaceOptions,
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
          tensorInfo(pastMaskInput(stage), INT64, [sizes[0], lengthAfter('past', afterLayer)]),
        )
      : []),
    ...(cache === 'fixed' && !batch
      ? plan.stages.map((_, stage) => tensorInfo(pastLengthInput(stage), INT64, [1]))
      : []),
  ];
}

/** The graph's outputs, those after a prune with a length of their own, and those of the pruning. */
export function prunedOutputs(
  graph: GraphProto,
  decoder: Decoder,
  plan: PrunePlan,
  { trace, batch, cache }: InterfaceOptions,
): ValueInfoProto[] {
  const own = graph.output.map((info) => withOwnLength(info, decoder, plan));
  const embeddings = graph.input.find(({ name }) => name === decoder.inputs.embeddings);
  const rows = valueShape(embeddings)[0];
  const masks = plan.stages.map(({ afterLayer }, stage) =>
    tensorInfo(maskOutput(stage), INT64, [rows, lengthAfter('total', afterLayer)]),
  );
  const lengths = plan.stages.map((_, stage) => tensorInfo(lengthOutput(stage), INT64, [1]));
  const carried = batch ? masks : cache === 'fixed' ? lengths : [];
  const traces = plan.stages.flatMap(({ afterLayer }, stage) => [
    tensorInfo(keptOutput(stage), INT64, [
      ...(batch ? [rows] : []),
      lengthAfter('kept', afterLayer),
    ]),
    tensorInfo(scoreOutput(stage), FLOAT, [rows, `tokens_at_layer_${afterLayer}`]),
  ]);
  return [...own, ...carried, ...(trace ? traces : [])];
}

/**
 * Checks that a graph gives and names nothing that pruning cannot answer for: each output has a length of its
 * own after a prune, and each input that pruning adds needs its name for itself.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL with the name
 */
export function checkInterface(
  graph: GraphProto,
  decoder: Decoder,
  added: readonly ValueInfoProto[],
): void {
  const known = new Set<unknown>([decoder.logits, ...decoder.layers.flatMap(presentsOf)]);
  const further = graph.output.find(({ name }) => !known.has(name) && !isInputCopy(decoder, name));
  if (further) {
    refuse({
      where: 'outputs',
      expected:
        'only logits and caches (hidden states or attentions would have another length after each prune; export with output_hidden_states=False and output_attentions=False, with ONNX Runtime GenAI without include_hidden_states)',
      found: further.name,
    });
  }
  const own = new Set([...graph.input, ...graph.output].map(({ name }) => name));
  const values = valuesIn(graph);
  for (const { name } of added) {
    if (!own.has(name) && values.has(name)) {
      refuse({ where: 'graph', expected: `no value called ${name} yet`, found: 'one' });
    }
  }
}

/** True for an input that is given out as it came. */
function isInputCopy({ graph, inputs }: Decoder, name: string): boolean {
  let value = name;
  for (const node of makers(graph, name)) {
    if (node.opType !== 'Identity') return false;
    value = inputAt(node, 0) ?? '';
  }
  return graph.input.has(value) && value !== inputs.embeddings;
}

/** The runtime's memory planner takes equal names of sizes for equal sizes, so each stage has its own. */
function withOwnLength(info: ValueInfoProto, decoder: Decoder, plan: PrunePlan): ValueInfoProto {
  const layer = decoder.layers.findIndex(({ cache }) =>
    Object.values(cache ?? {}).includes(info.name),
  );
  const isLogits = info.name === decoder.logits;
  if (layer < 0 && !isLogits) return info;
  const depth = isLogits ? decoder.layers.length : layer;
  const stage = plan.stages.findLast(({ afterLayer }) => afterLayer <= depth);
  if (!stage) return info;
  const lengthAxis = isLogits ? 1 : 2;
  const sizes = valueShape(info).map((size, axis) =>
    axis === lengthAxis && typeof size !== 'number'
      ? lengthAfter(`${size ?? 'length'}`, stage.afterLayer)
      : size,
  );
  const type = info.type?.value;
  return type?.case === 'tensorType' ? tensorInfo(info.name, type.value.elemType, sizes) : info;
}
