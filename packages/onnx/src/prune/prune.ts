/**
 * The prune pass: takes a decoder, gives one that scores and drops image tokens in-graph.
 */
import { create } from '@bufbuild/protobuf';
import {
  imageMaskInput,
  type PrunePlan,
  type SettledPlan,
  type Stage,
  settlePlan,
  TransPruneError,
  validatePlan,
} from '@transprune/core';
import { decoderGraphs, withDecoders } from '../decoder/branches.js';
import { checkDepths } from '../decoder/depths.js';
import { readGraph } from '../decoder/read.js';
import { refuse } from '../decoder/refuse.js';
import { createEmitter } from '../graph/emitter.js';
import { namesIn } from '../graph/graph.js';
import { isScoring, type ProvenanceOf } from '../graph/provenance.js';
import { sortNodes } from '../graph/sort.js';
import { allNodes, graphsIn, readsOf } from '../graph/subgraphs.js';
import { type OnnxModel, standardOpset } from '../model/codec.js';
import { metadataWithPlan, readPlan } from '../model/metadata.js';
import { exactAngles } from '../passes/exact-angles.js';
import { type GraphProto, GraphProtoSchema, ModelProtoSchema } from '../proto/onnx_pb.js';
import { checkPadding, padMixers, rotateOutside } from './attention-nodes.js';
import { type CacheMode, checkFixedCaches } from './cache-modes.js';
import { writeGates } from './gate.js';
import { checkInterface, type InterfaceOptions, prunedInputs, prunedOutputs } from './interface.js';
import { emitConstantStages, emitStages } from './pipeline.js';
import { rebase } from './rebase/rebase.js';
import type { StageTaps } from './score/taps.js';
import { workingGraph } from './working-graph.js';

export interface PruneOptions {
  /** Adds the outputs `pruning.kept.{stage}` and `pruning.score.{stage}`. */
  readonly trace?: boolean;
  /**
   * Serves several rows with padding on either side, where layers carry states other than caches in front only:
   * rows may keep different tokens, and a mask goes with each stage's cache (`past_pruning.mask.{stage}` in, `pruning.mask.{stage}` out). Without it
   * the graph is for batch size 1.
   */
  readonly batch?: boolean;
  /**
   * What caches are: `growing`, as long as what they hold, if left out; `fixed`: they may have room for more, as buffers
   * that a runtime writes to in place have. Lengths after each prune then go from call to call
   * (`past_pruning.length.{stage}` in, `pruning.length.{stage}` out), with `batch` as the widths of the masks.
   */
  readonly cache?: CacheMode;
  /** Makes the keep ratios an input, `keep_ratios`; the plan's own are then only its default. */
  readonly runtimeRatios?: boolean;
  /** Adds the input `instruction_mask`. */
  readonly instructionMask?: boolean;
  /**
   * Writes cosines and sines as sums and products, for devices whose own are approximate, as a WebGPU
   * device's may be. Decoders that look angles up in a table have none.
   */
  readonly exactAngles?: boolean;
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
  /** Nodes that score and select; they run only in a call with an image token. */
  readonly scoringNodes: number;
  /** Bytes that the pass adds as constants. */
  readonly constantBytes: number;
  /** For each stage, if they were asked for, else empty. */
  readonly taps: readonly StageTaps[];
}

/** What pruning gives. */
export interface PrunedModel {
  readonly model: OnnxModel;
  /** The plan as the decoder was pruned by it: its positions are chosen. */
  readonly plan: SettledPlan;
  readonly report: PruneReport;
  /** What each added node is for: of the decoder, or of each branch of a merged one. */
  readonly provenance: readonly ProvenanceOf[];
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
): PrunedModel {
  if (readPlan(model)) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      'expected a decoder that is not pruned yet, found one with a plan in its metadata; start from the original file',
    );
  }
  const { constantIndices, ...others } = options;
  const other = Object.entries(others).find(
    ([, value]) => value === true || value === 'fixed',
  )?.[0];
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
  const settled = passes[0]?.plan ?? settlePlan(plan, { positions: 'renumber' });
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  const pruned = create(ModelProtoSchema, {
    ...model,
    graph: withDecoders(
      graph,
      passes.map((pass) => pass.graph),
    ),
    metadataProps: metadataWithPlan(model, settled),
  });
  const written = options.exactAngles ? exactAngles(pruned).model : pruned;
  const decoders = decoderGraphs(written.graph ?? graph);
  return {
    model: written,
    plan: settled,
    report: {
      layers: passes[0]?.layers ?? 0,
      stages: plan.stages,
      nodes: {
        before: sum(sources.map(({ node }) => node.length)),
        after: sum(decoders.map((decoder) => allNodes(decoder).length)),
      },
      scoringNodes: sum(passes.map(({ scoringNodes }) => scoringNodes)),
      constantBytes: sum(passes.map(({ constantBytes }) => constantBytes)),
      taps: passes[0]?.taps ?? [],
    },
    provenance: passes.map(({ provenanceOf }) => provenanceOf),
  };
}

/** The pass on one decoder. */
function pruneGraph(
  graph: GraphProto,
  opset: number,
  wantedPlan: PrunePlan,
  options: PruneOptions,
) {
  const decoder = readGraph(graph);
  validatePlan(wantedPlan, decoder.layers.length);
  const plan = settlePlan(wantedPlan, decoder);
  checkDepths(plan, decoder);
  if (graph.input.some(({ name }) => name === imageMaskInput)) {
    refuse({ where: 'inputs', expected: `no input ${imageMaskInput} yet`, found: 'one' });
  }
  const wanted: InterfaceOptions = {
    trace: options.trace === true,
    batch: options.batch === true,
    cache: options.cache ?? 'growing',
    runtimeRatios: options.runtimeRatios === true,
    instructionMask: options.instructionMask === true,
  };
  const inputs = prunedInputs(graph, decoder, plan, wanted);
  const outputs = prunedOutputs(graph, decoder, plan, wanted);
  checkInterface(graph, decoder, [...inputs, ...outputs]);
  if (wanted.batch) checkPadding(decoder);
  if (wanted.cache === 'fixed') checkFixedCaches(decoder);
  const emitter = createEmitter(namesIn(graph), opset, { prefix: 'pruning', reuses: true });
  const working = workingGraph(decoder);
  const [firstStage] = plan.stages;
  const { batch, cache } = wanted;
  const rotated =
    firstStage &&
    rotateOutside(emitter, working, decoder, { ...plan, ...firstStage, batch, cache });
  if (firstStage && batch) padMixers(emitter, working, decoder);
  const taps = options.taps === true;
  const context = { emitter, graph: working, decoder, plan, options: wanted, taps, rotated };
  const emitted = options.constantIndices
    ? emitConstantStages(context, options.constantIndices)
    : emitStages(context);
  const added = new Set(emitter.initializers.map(({ name }) => name));
  rebase(working, decoder, emitted.stages, plan.positions, (name) => added.has(name));
  const output = [...outputs, ...emitted.tapOutputs];
  const read = [...output.map(({ name }) => name), ...working.nodes.flatMap(({ input }) => input)];
  const written = writeGates(emitter, emitted.gates, read);
  const nodes = sortNodes([...working.nodes, ...written]);
  const reads = new Set(nodes.flatMap(readsOf));
  const constants = emitter.initializers.filter(({ name }) => reads.has(name));
  const pruned = create(GraphProtoSchema, {
    ...graph,
    node: nodes,
    initializer: [...graph.initializer, ...constants],
    input: inputs,
    output,
    // Shapes noted for the unpruned graph would mislead the runtime's memory planner.
    valueInfo: [],
  });
  const all = allNodes(pruned);
  const inside = all.flatMap(graphsIn).flatMap(({ initializer }) => initializer);
  return {
    graph: pruned,
    plan,
    layers: decoder.layers.length,
    provenanceOf: emitter.provenanceOf,
    scoringNodes: all.filter((node) => isScoring(emitter.provenanceOf(node))).length,
    constantBytes: [...constants, ...inside].reduce((sum, { rawData }) => sum + rawData.length, 0),
    taps: emitted.taps,
  };
}
