/**
 * The prune pass: takes a decoder, gives one that scores and drops image tokens in-graph.
 */
import { create } from '@bufbuild/protobuf';
import {
  methodByName,
  type PrunePlan,
  type Stage,
  TransPruneError,
  validatePlan,
} from '@transprune/core';
import { onnxAlgebra } from '../algebra.js';
import type { Decoder, DecoderLayer } from '../decoder/decoder.js';
import { readDecoder } from '../decoder/read.js';
import { refuse } from '../decoder/refuse.js';
import { createEmitter, type Emitter } from '../graph/emitter.js';
import { sortNodes } from '../graph/sort.js';
import { type OnnxModel, standardOpset } from '../model/codec.js';
import {
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  TensorProto_DataType,
} from '../proto/onnx_pb.js';
import { crossings, emitCut } from './cut.js';
import {
  imageMaskInput,
  keptOutput,
  prunedInputs,
  prunedOutputs,
  scoreOutput,
} from './interface.js';
import { metadataWithPlan, readPlan } from './metadata.js';
import { type CutStage, reroot } from './reroot.js';
import { emitScore, emitSelection, emitTransition, type TokenState } from './score.js';

export interface PruneOptions {
  /** Adds the outputs `pruning.kept.{stage}` and `pruning.score.{stage}`. */
  readonly trace?: boolean;
  /**
   * For each stage, indices among the tokens before it. The graph gathers these and scores nothing:
   * the bound that scoring is measured against. Such a graph serves one prompt length, no decoding, and
   * has no trace.
   */
  readonly constantIndices?: readonly (readonly number[])[];
}

export interface PruneReport {
  readonly layers: number;
  readonly stages: readonly Stage[];
  readonly nodes: { readonly before: number; readonly after: number };
  /** Nodes that score and select. */
  readonly scoringNodes: number;
  /** Bytes that the pass adds as constants. */
  readonly constantBytes: number;
}

/**
 * Rewrites a decoder so that it prunes image tokens as the plan says. The model that came in is not
 * changed; weights are shared, not copied.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL if the graph is not understood, INVALID_PLAN if the plan
 *   does not fit it, INVALID_ARGUMENT for options that exclude each other
 */
export function pruneModel(
  model: OnnxModel,
  plan: PrunePlan,
  options: PruneOptions = {},
): { model: OnnxModel; report: PruneReport } {
  if (readPlan(model)) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      'expected a decoder that is not pruned yet, found one with a plan in its metadata; start from the original file',
    );
  }
  if (options.trace && options.constantIndices) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      'expected either a trace or constant indices, got both: constant indices leave nothing to trace',
    );
  }
  const decoder = readDecoder(model);
  validatePlan(plan, decoder.layers.length);
  const graph = model.graph ?? create(GraphProtoSchema);
  if (graph.input.some(({ name }) => name === imageMaskInput)) {
    refuse({ where: 'inputs', expected: `no input ${imageMaskInput} yet`, found: 'one' });
  }
  const emitter = createEmitter(namesIn(graph), standardOpset(model));
  const copies = new Map(graph.node.map((node) => [node, copyOf(node)]));
  const stages = emitStages(emitter, decoder, plan, options, graph, copies);
  const scoringNodes = emitter.nodes.length;
  const initializers = new Set(graph.initializer.map(({ name }) => name));
  reroot([...copies.values()], (name) => initializers.has(name), emitter, decoder, stages);
  const node = sortNodes([...copies.values(), ...emitter.nodes]);
  const pruned = create(GraphProtoSchema, {
    ...graph,
    node,
    initializer: [...graph.initializer, ...emitter.initializers],
    input: prunedInputs(graph, decoder, plan),
    output: prunedOutputs(graph, decoder, plan, options.trace === true),
    // Shapes noted for the unpruned graph would mislead the runtime's memory planner.
    valueInfo: [],
  });
  return {
    model: create(ModelProtoSchema, {
      ...model,
      graph: pruned,
      metadataProps: metadataWithPlan(model, plan),
    }),
    report: {
      layers: decoder.layers.length,
      stages: plan.stages,
      nodes: { before: graph.node.length, after: node.length },
      scoringNodes,
      constantBytes: emitter.initializers.reduce((sum, { rawData }) => sum + rawData.length, 0),
    },
  };
}

/** Score, select and cut, stage by stage. */
function emitStages(
  emitter: Emitter,
  decoder: Decoder,
  plan: PrunePlan,
  { trace = false, constantIndices }: PruneOptions,
  graph: GraphProto,
  copies: ReadonlyMap<NodeProto, NodeProto>,
): CutStage[] {
  if (plan.stages.length === 0) return [];
  const needs = methodByName(plan.method).needs;
  const readersOf = (value: string) => graph.node.filter(({ input }) => input.includes(value));
  const redirect = (reader: NodeProto, from: string, to: string) => {
    const copy = copies.get(reader);
    if (copy) copy.input = copy.input.map((name) => (name === from ? to : name));
  };
  emitter.scope('pruning');
  const { originalImages, ...start } = emitStart(
    emitter,
    decoder,
    trace || needs.includes('noise'),
  );
  let state: TokenState = start;
  const layers = [...decoder.layers];
  return plan.stages.map(({ afterLayer, keepRatio }, index) => {
    emitter.scope(`pruning/after_layer_${afterLayer}`);
    const next = layerBehind(decoder, afterLayer);
    const cut = (indices: string) => {
      const crossing = crossings(next, needs.includes('instructionAttention'), readersOf);
      return emitCut(emitter, crossing, indices, redirect);
    };
    const fixed = constantIndices?.[index];
    if (fixed) return cutStage(next, afterLayer, cut(emitter.int64(fixed)));

    const transition = emitTransition(emitter, layers, plan, index, state.transition);
    state = { ...state, transition };
    const score = emitScore(emitter, decoder, plan, next, state);
    const indices = emitSelection(emitter, score, state.imageMask, originalImages, keepRatio);
    if (trace) emitter.emit('Identity', [score], { outputs: [scoreOutput(index)] });
    const gathered = cut(indices);
    const gather = (value: string | undefined, axis: number) =>
      value && emitter.emit('Gather', [value, indices], { attributes: { axis } });
    if (plan.accumulateLayers.includes(afterLayer + 1)) {
      // The norm in front of the layer still sees every token; its transition is of those that stay.
      const { input } = next.attention;
      const rows = gathered.get(input) ?? gather(input, 1) ?? '';
      layers[afterLayer] = { ...next, attention: { ...next.attention, input: rows } };
    }
    state = {
      imageMask: gather(state.imageMask, 1) ?? '',
      transition: gather(state.transition, 1),
      positions: gather(state.positions, 0),
    };
    if (trace && state.positions) {
      emitter.emit('Identity', [state.positions], { outputs: [keptOutput(index)] });
    }
    return cutStage(next, afterLayer, gathered);
  });
}

function cutStage(
  { streamIn }: DecoderLayer,
  afterLayer: number,
  gathered: ReadonlyMap<string, string>,
): CutStage {
  return { afterLayer, stream: gathered.get(streamIn) ?? '', gathered: [...gathered.values()] };
}

/** The tokens before the first stage. */
function emitStart(emitter: Emitter, decoder: Decoder, withPositions: boolean) {
  const { emit } = emitter;
  const to = (type: TensorProto_DataType) => ({ attributes: { to: type } });
  const isImage = emit('Cast', [imageMaskInput], to(TensorProto_DataType.BOOL));
  const imageMask = emit('Cast', [isImage], to(TensorProto_DataType.FLOAT));
  const count = onnxAlgebra(emitter).sum(imageMask, [0, 1]);
  const originalImages = emit('Cast', [count], to(TensorProto_DataType.DOUBLE));
  if (!withPositions) return { imageMask, originalImages };
  const shape = emit('Shape', [decoder.inputs.embeddings]);
  const tokens = emit('Gather', [shape, emitter.int64([1], [])], { attributes: { axis: 0 } });
  const bounds = [emitter.int64([0], []), tokens, emitter.int64([1], [])];
  return { imageMask, originalImages, positions: emit('Range', bounds) };
}

function layerBehind(decoder: Decoder, afterLayer: number): DecoderLayer {
  const layer = decoder.layers[afterLayer];
  return layer ?? refuse({ where: 'plan', expected: 'a layer behind each prune', found: 'none' });
}

function copyOf(node: NodeProto): NodeProto {
  return create(NodeProtoSchema, { ...node, input: [...node.input] });
}

function* namesIn(graph: GraphProto): Iterable<string> {
  for (const { name } of [...graph.input, ...graph.output, ...graph.initializer]) yield name;
  for (const node of graph.node) yield* [node.name, ...node.output];
}
