/**
 * Turns a graph into a `Decoder`: anchored at the names of inputs and outputs, which exporters agree
 * on, and walked from there; no node is ever recognized by its name.
 */
import type { AttentionShape } from '@transprune/core';
import { elementType, type GraphIndex, indexGraph, valueShape } from '../graph/graph.js';
import { type OnnxModel, standardOpset } from '../model/codec.js';
import { TensorProto_DataType } from '../proto/onnx_pb.js';
import type { AttentionReading } from './attention/family.js';
import { attentionFamilies } from './attention/index.js';
import type { Decoder, DecoderInputs, DecoderLayer, LayerCacheNames } from './decoder.js';
import { linearFrom, linearInto } from './linear.js';
import { joinBehind, normOf } from './norm.js';
import { refuse } from './refuse.js';

const names = {
  embeddings: 'inputs_embeds',
  attentionMask: 'attention_mask',
  logits: 'logits',
} as const;

/** Operators that hold graphs of their own, which the passes do not look into. */
const controlFlow = new Set(['If', 'Loop', 'Scan']);

/**
 * Reads a decoder's structure.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL with the first thing that is not understood
 */
export function readDecoder(model: OnnxModel): Decoder {
  standardOpset(model);
  if (!model.graph) refuse({ where: 'model', expected: 'a graph', found: 'none' });
  const graph = indexGraph(model.graph);
  const inputs = readInputs(graph);
  const branch = model.graph.node.find(({ opType }) => controlFlow.has(opType));
  if (branch) {
    refuse({ where: 'graph', expected: 'no control flow', found: branch.opType, node: branch });
  }

  const layers: DecoderLayer[] = [];
  const readings: AttentionReading[] = [];
  const intermediate: number[] = [];
  const families = new Set<string>();
  const attentions = cacheInputs(graph).map(([pastKey, pastValue], index) => ({
    pastKey,
    pastValue,
    ...attentionOf(graph, pastKey, `layer ${index + 1}`),
  }));
  const first = normOf(graph, inputs.embeddings);
  if (!first) {
    refuse({
      where: 'layer 1',
      expected: `a SimplifiedLayerNormalization that reads ${inputs.embeddings}`,
      found:
        graph.uses
          .get(inputs.embeddings)
          ?.map(({ node }) => node.opType)
          .join(', ') ?? 'none',
    });
  }
  let stream: string | undefined = first.stream;
  let normed = first.normed;
  for (const [index, { pastKey, pastValue, node, family }] of attentions.entries()) {
    const where = `layer ${index + 1}`;
    if (stream === undefined) {
      refuse({ where, expected: 'a residual stream from the layer before', found: 'none' });
    }
    families.add(family.name);
    const reading = family.read(graph, node, where);
    checkProjections(graph, reading, normed, where);
    const output = linearFrom(graph, reading.output);
    if (!output) {
      refuse({ where, expected: 'an output projection behind attention', found: 'none', node });
    }
    const middle = joinBehind(graph, stream, `${where}, attention`);
    if (middle.moduleOutput !== output.output || middle.stream === undefined) {
      refuse({
        where,
        expected: "the attention's output projection to be added to the residual stream",
        found: middle.moduleOutput,
        node: middle.node,
      });
    }
    const behind = joinBehind(graph, middle.stream, `${where}, FFN`);
    checkReadsOnly(graph, behind.moduleOutput, middle.normed, where);
    intermediate.push(linearInto(graph, behind.moduleOutput)?.inFeatures ?? 0);
    const cache: LayerCacheNames = {
      pastKey,
      pastValue,
      presentKey: reading.presentKey,
      presentValue: reading.presentValue,
    };
    layers.push({
      streamIn: stream,
      attention: {
        node,
        input: normed,
        output: output.output,
        projections: reading.projections,
        rotary: reading.rotary,
        sideInputs: reading.sideInputs,
      },
      middleJoin: middle.node,
      ffn: { input: middle.normed, output: behind.moduleOutput },
      cache,
    });
    readings.push(reading);
    stream = behind.stream;
    normed = behind.normed;
  }
  return {
    attentionFamily: [...families].join(' + '),
    layers,
    hiddenSize: hiddenSize(graph, normed),
    intermediateSize: intermediate[0] ?? 0,
    vocabularySize: vocabularySize(graph),
    attention: commonShape(readings),
    inputs,
    logits: names.logits,
  };
}

function readInputs(graph: GraphIndex): DecoderInputs {
  if (cacheInputs(graph).length === 0) {
    refuse({
      where: 'inputs',
      expected: 'a decoder with past_key_values.{layer}.key and .value',
      found: `no cache inputs among ${[...graph.input.keys()].slice(0, 6).join(', ') || 'none'}`,
    });
  }
  for (const name of [names.embeddings, names.attentionMask]) {
    if (graph.input.has(name)) continue;
    const remedy =
      name === names.embeddings ? ' (a decoder that takes input_ids cannot tell image tokens)' : '';
    refuse({ where: 'inputs', expected: `an input ${name}${remedy}`, found: 'none' });
  }
  if (!graph.graph.output.some(({ name }) => name === names.logits)) {
    refuse({ where: 'outputs', expected: `an output ${names.logits}`, found: 'none' });
  }
  const type = elementType(graph.input.get(names.embeddings));
  if (type !== TensorProto_DataType.FLOAT) {
    refuse({
      where: names.embeddings,
      expected: 'float32',
      found: `element type ${type} of ONNX`,
    });
  }
  return { embeddings: names.embeddings, attentionMask: names.attentionMask };
}

/** Names of each layer's past key and value, in the order of the layers. */
export function cacheInputs(graph: GraphIndex): [key: string, value: string][] {
  const pairs: [string, string][] = [];
  for (let layer = 0; ; layer++) {
    const [key, value] = [`past_key_values.${layer}.key`, `past_key_values.${layer}.value`];
    if (!graph.input.has(key) || !graph.input.has(value)) return pairs;
    pairs.push([key, value]);
  }
}

function attentionOf(graph: GraphIndex, pastKey: string, where: string) {
  const readers = graph.uses.get(pastKey) ?? [];
  for (const { node } of readers) {
    const family = attentionFamilies.find((candidate) => candidate.matches(node));
    if (family && readers.length === 1) return { node, family };
  }
  return refuse({
    where,
    expected: `${pastKey} to be read by one node of a known attention family (${attentionFamilies.map(({ name }) => name).join(', ')})`,
    found: readers.map(({ node }) => node.opType).join(', ') || 'no reader',
    node: readers[0]?.node,
  });
}

/** Each projection has to be a linear map of the norm's output, and nothing in between. */
function checkProjections(
  graph: GraphIndex,
  { projections, shape }: AttentionReading,
  normed: string,
  where: string,
): void {
  const { heads, kvHeads, headDim } = shape;
  const expected =
    projections.kind === 'packed'
      ? [[projections.value, (heads + 2 * kvHeads) * headDim] as const]
      : [
          [projections.query, heads * headDim] as const,
          [projections.key, kvHeads * headDim] as const,
          [projections.value, kvHeads * headDim] as const,
        ];
  for (const [value, features] of expected) {
    const linear = linearInto(graph, value);
    if (linear?.input !== normed || linear.outFeatures !== features) {
      refuse({
        where,
        expected: `a projection of the layer's norm to ${features} features (whole head rotated)`,
        found: linear ? `${linear.outFeatures} features of ${linear.input}` : 'another operator',
        node: graph.producer.get(value),
      });
    }
  }
}

/** A module may read its normed input and weights, nothing else. */
function checkReadsOnly(graph: GraphIndex, output: string, input: string, where: string): void {
  const open = [output];
  const seen = new Set(open);
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (value === input || graph.initializer.has(value)) continue;
    const node = graph.producer.get(value);
    if (!node) {
      refuse({ where: `${where}, FFN`, expected: 'only its norm and weights', found: value });
    }
    for (const name of node.input) {
      if (name === '' || seen.has(name)) continue;
      seen.add(name);
      open.push(name);
    }
  }
}

function commonShape(readings: readonly AttentionReading[]): AttentionShape {
  const [first] = readings;
  if (!first) return refuse({ where: 'decoder', expected: 'at least one layer', found: 'none' });
  const different = readings.findIndex(
    ({ shape }) => JSON.stringify(shape) !== JSON.stringify(first.shape),
  );
  if (different > 0) {
    refuse({
      where: `layer ${different + 1}`,
      expected: `the attention sizes of layer 1 (${JSON.stringify(first.shape)})`,
      found: JSON.stringify(readings[different]?.shape),
    });
  }
  return first.shape;
}

function hiddenSize(graph: GraphIndex, normed: string): number {
  const declared = valueShape(graph.input.get(names.embeddings))[2];
  if (typeof declared === 'number') return declared;
  return linearFrom(graph, normed)?.inFeatures ?? 0;
}

function vocabularySize(graph: GraphIndex): number {
  const logits = graph.graph.output.find(({ name }) => name === names.logits);
  const declared = valueShape(logits)[2];
  if (typeof declared === 'number') return declared;
  return linearInto(graph, names.logits)?.outFeatures ?? 0;
}
