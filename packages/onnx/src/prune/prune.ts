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
import { decoderGraphs, withDecoders } from '../decoder/branches.js';
import type { Decoder, DecoderLayer } from '../decoder/decoder.js';
import { classify } from '../decoder/kinds.js';
import { readGraph } from '../decoder/read.js';
import { refuse } from '../decoder/refuse.js';
import { createEmitter, type Emitter } from '../graph/emitter.js';
import { indexGraph } from '../graph/graph.js';
import { sortNodes } from '../graph/sort.js';
import { type OnnxModel, standardOpset } from '../model/codec.js';
import {
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  TensorProto_DataType,
  type ValueInfoProto,
} from '../proto/onnx_pb.js';
import { cut } from './cut.js';
import {
  type InterfaceOptions,
  imageMaskInput,
  keptOutput,
  maskOutput,
  pastMaskInput,
  prunedInputs,
  prunedOutputs,
  scoreOutput,
} from './interface.js';
import { metadataWithPlan, readPlan } from './metadata.js';
import { padGroupQueries } from './padding.js';
import { emitRatios } from './ratios.js';
import { noteAngle, type WorkingGraph } from './region.js';
import { type CutStage, reroot } from './reroot.js';
import { keepPositions } from './rotary.js';
import { emitScore, emitTransition } from './score.js';
import { emitGather, emitSelection, type Selection } from './select.js';
import type { StageContext } from './stage.js';
import { createTapper, type StageTapper, type StageTaps } from './taps.js';
import { emitStart, gatherState, type Start, type TokenState } from './tokens.js';

export interface PruneOptions {
  /** Adds the outputs `pruning.kept.{stage}` and `pruning.score.{stage}`. */
  readonly trace?: boolean;
  /**
   * Serves several rows with padding on either side: rows may keep different tokens, and a mask goes
   * with each stage's cache (`past_pruning.mask.{stage}` in, `pruning.mask.{stage}` out). Without it
   * the graph is for batch size 1.
   */
  readonly batch?: boolean;
  /** Makes the keep ratios an input, `keep_ratios`; the plan's own are then only its default. */
  readonly runtimeRatios?: boolean;
  /** Adds the input `instruction_mask`. */
  readonly instructionMask?: boolean;
  /**
   * Adds outputs `pruning.tap...` with what each stage's score is made of, for checking it; the report
   * names them.
   */
  readonly taps?: boolean;
  /**
   * For each stage, indices among the tokens before it. The graph gathers these and scores nothing:
   * the bound that scoring is measured against. Such a graph serves one prompt length, no decoding, and
   * goes with no other option.
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
  /** For each stage, if they were asked for, else empty. */
  readonly taps: readonly StageTaps[];
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
  const { constantIndices, ...others } = options;
  const other = Object.entries(others).find(([, value]) => value === true)?.[0];
  if (constantIndices && other !== undefined) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected either ${other} or constant indices, got both: constant indices gather what they say, for one prompt`,
    );
  }
  const opset = standardOpset(model);
  const graph = model.graph ?? create(GraphProtoSchema);
  const sources = decoderGraphs(graph);
  const passes = sources.map((source) => pruneGraph(source, opset, plan, options));
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  const pruned = passes.map((pass) => pass.pruned);
  return {
    model: create(ModelProtoSchema, {
      ...model,
      graph: withDecoders(graph, pruned),
      metadataProps: metadataWithPlan(model, plan),
    }),
    report: {
      layers: passes[0]?.layers ?? 0,
      stages: plan.stages,
      nodes: {
        before: sum(sources.map(({ node }) => node.length)),
        after: sum(pruned.map(({ node }) => node.length)),
      },
      scoringNodes: sum(passes.map(({ scoringNodes }) => scoringNodes)),
      constantBytes: sum(passes.map(({ constantBytes }) => constantBytes)),
      taps: passes[0]?.taps ?? [],
    },
  };
}

/** The pass on one decoder. */
function pruneGraph(graph: GraphProto, opset: number, plan: PrunePlan, options: PruneOptions) {
  const decoder = readGraph(graph);
  validatePlan(plan, decoder.layers.length);
  if (graph.input.some(({ name }) => name === imageMaskInput)) {
    refuse({ where: 'inputs', expected: `no input ${imageMaskInput} yet`, found: 'one' });
  }
  const emitter = createEmitter(namesIn(graph), opset);
  const source = indexGraph(graph);
  const working = workingGraph(graph, decoder);
  const wanted: InterfaceOptions = {
    trace: options.trace === true,
    batch: options.batch === true,
    runtimeRatios: options.runtimeRatios === true,
    instructionMask: options.instructionMask === true,
  };
  const [firstStage] = plan.stages;
  if (firstStage && wanted.batch) padGroupQueries(emitter, working, decoder, graph);
  if (firstStage && plan.positions === 'keep') {
    keepPositions(emitter, working, decoder, firstStage.afterLayer, wanted.batch);
  }
  const tapOutputs: ValueInfoProto[] = [];
  const tappers = options.taps
    ? plan.stages.map((_, index) => createTapper(emitter, index, tapOutputs))
    : [];
  const { constantIndices } = options;
  const stages = emitStages(emitter, working, decoder, plan, wanted, constantIndices, tappers);
  const scoringNodes = emitter.nodes.length;
  reroot(source, working, emitter, decoder, stages, plan.positions);
  const pruned = create(GraphProtoSchema, {
    ...graph,
    node: sortNodes([...working.nodes, ...working.regions.flat(), ...emitter.nodes]),
    initializer: [...graph.initializer, ...emitter.initializers],
    input: prunedInputs(graph, decoder, plan, wanted),
    output: [...prunedOutputs(graph, decoder, plan, wanted), ...tapOutputs],
    // Shapes noted for the unpruned graph would mislead the runtime's memory planner.
    valueInfo: [],
  });
  return {
    pruned,
    layers: decoder.layers.length,
    scoringNodes,
    constantBytes: emitter.initializers.reduce((sum, { rawData }) => sum + rawData.length, 0),
    taps: tappers.map((tapper) => tapper.taps()),
  };
}

/** The graph's nodes, copied so that they can be changed. */
function workingGraph(graph: GraphProto, decoder: Decoder): WorkingGraph {
  const copies = new Map(
    graph.node.map((node) => [node, create(NodeProtoSchema, { ...node, input: [...node.input] })]),
  );
  const nodes = [...copies.values()];
  const copyOf = (node: NodeProto) => copies.get(node) ?? node;
  const initializers = new Set(graph.initializer.map(({ name }) => name));
  const pasts = decoder.layers.flatMap(({ cache }) => [cache.pastKey, cache.pastValue]);
  const tokens = new Set([decoder.inputs.embeddings, ...pasts]);
  const working: WorkingGraph = {
    nodes,
    regions: [],
    copyOf,
    // As the graph came: the score copies nodes before the cut rewires them.
    producer: new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node]))),
    kindOf: classify(
      graph.node,
      (name) => initializers.has(name),
      (name) => tokens.has(name),
    ),
    angles: new Map(),
  };
  for (const { attention } of decoder.layers) {
    for (const angle of attention.reading.angles) {
      noteAngle(working, angle);
      noteAngle(working, { ...angle, node: copyOf(angle.node) });
    }
  }
  return working;
}

/** Score, select and cut, stage by stage. */
function emitStages(
  emitter: Emitter,
  graph: WorkingGraph,
  decoder: Decoder,
  plan: PrunePlan,
  options: InterfaceOptions,
  constantIndices: PruneOptions['constantIndices'],
  tappers: readonly StageTapper[],
): CutStage[] {
  if (plan.stages.length === 0) return [];
  const { needs } = methodByName(plan.method);
  const scoresProjections = needs.includes('instructionAttention');
  const stageAt = (
    next: DecoderLayer,
    afterLayer: number,
    selection: Selection,
    mask?: string,
    scoredMask?: string,
  ) => {
    const gather = (value: string, axis: number) => emitGather(emitter, selection, value, axis);
    const gathered = cut(graph, next, scoresProjections, (value) => gather(value, 1));
    const stream = gathered.get(next.streamIn) ?? '';
    const scored = { afterLayer, stream: next.streamIn, mask: scoredMask };
    const values = [...gathered.values()];
    return { afterLayer, stream, mask, scored, gather, gathered: values, rows: gathered };
  };
  if (constantIndices) {
    return plan.stages.map(({ afterLayer }, index) => {
      emitter.scope(`pruning/after_layer_${afterLayer}`);
      const indices = emitter.int64(constantIndices[index] ?? []);
      return stageAt(layerBehind(decoder, afterLayer), afterLayer, { indices });
    });
  }

  emitter.scope('pruning');
  const start: Start = emitStart(emitter, decoder, plan, needs, options);
  const ratios = emitRatios(emitter, plan, options.runtimeRatios);
  const layers = [...decoder.layers];
  let state: TokenState = start.state;
  return plan.stages.map((stage, index) => {
    const { afterLayer } = stage;
    emitter.scope(`pruning/after_layer_${afterLayer}`);
    const next = layerBehind(decoder, afterLayer);
    const tapper = tappers[index];
    const transition = emitTransition(emitter, decoder, layers, plan, index, state, tapper);
    state = { ...state, transition };
    const mask = state.valid && emitScoredMask(emitter, index, state.valid);
    const context: StageContext = {
      emitter,
      graph,
      decoder,
      plan,
      stage,
      index,
      next,
      start,
      state,
      mask,
      tapper,
    };
    const score = emitScore(context);
    const selection = emitSelection(emitter, score, state, start, ratios[index] ?? '');
    if (options.trace) emitter.emit('Identity', [score], { outputs: [scoreOutput(index)] });
    const stageMask =
      selection.valid &&
      emitter.emit('Concat', [pastMaskInput(index), selection.valid], {
        attributes: { axis: 1 },
        outputs: [maskOutput(index)],
      });
    const cutStage = stageAt(next, afterLayer, selection, stageMask, mask);
    if (plan.accumulateLayers.includes(afterLayer + 1)) {
      // The norm in front of the layer still sees every token; its transition is of those that stay.
      const { input } = next.attention;
      const rows = cutStage.rows.get(input) ?? cutStage.gather(input, 1);
      layers[afterLayer] = { ...next, attention: { ...next.attention, input: rows } };
    }
    if (options.trace && state.positions) {
      emitKept(emitter, index, cutStage.gather(state.positions, 1), selection.valid);
    }
    if (index + 1 < plan.stages.length) {
      state = gatherState(state, (value) => cutStage.gather(value, 1));
      if (selection.valid) state = masked(emitter, state, selection.valid);
    }
    return cutStage;
  });
}

/** A mask over the cache of the layer behind a prune and the tokens in front of it. */
function emitScoredMask(emitter: Emitter, stage: number, valid: string): string {
  const tokens = emitter.emit('Cast', [valid], { attributes: { to: TensorProto_DataType.INT64 } });
  return emitter.emit('Concat', [pastMaskInput(stage), tokens], { attributes: { axis: 1 } });
}

/** What stands at padding is nobody's: no image, no instruction. */
function masked(emitter: Emitter, state: TokenState, valid: string): TokenState {
  const floats = emitter.emit('Cast', [valid], { attributes: { to: TensorProto_DataType.FLOAT } });
  const only = (x: string) => emitter.emit('Mul', [x, floats]);
  return {
    ...state,
    valid: floats,
    imageMask: only(state.imageMask),
    instruction: state.instruction && only(state.instruction),
    span: state.span && only(state.span),
  };
}

/** Gives out where the survivors stood, -1 at padding. */
function emitKept(emitter: Emitter, index: number, positions: string, valid?: string): void {
  const { emit, int64, float } = emitter;
  const to = (x: string) =>
    emit('Cast', [x], {
      attributes: { to: TensorProto_DataType.INT64 },
      outputs: [keptOutput(index)],
    });
  if (!valid) {
    to(emit('Squeeze', [positions, int64([0])]));
    return;
  }
  const isValid = emit('Cast', [valid], { attributes: { to: TensorProto_DataType.BOOL } });
  to(emit('Where', [isValid, positions, float(-1)]));
}

function layerBehind(decoder: Decoder, afterLayer: number): DecoderLayer {
  const layer = decoder.layers[afterLayer];
  return layer ?? refuse({ where: 'plan', expected: 'a layer behind each prune', found: 'none' });
}

function* namesIn(graph: GraphProto): Iterable<string> {
  for (const { name } of [...graph.input, ...graph.output, ...graph.initializer]) yield name;
  for (const node of graph.node) yield* [node.name, ...node.output];
}
