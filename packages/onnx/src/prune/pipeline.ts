/** The stages of a plan: score, select and cut, one after the other. */
import { methodByName, type PrunePlan, type Stage } from '@transprune/core';
import type { Decoder, DecoderLayer } from '../decoder/decoder.js';
import { refuse } from '../decoder/refuse.js';
import type { Emitter } from '../graph/emitter.js';
import { TensorProto_DataType } from '../proto/onnx_pb.js';
import { cut } from './cut/cut.js';
import {
  type InterfaceOptions,
  keptOutput,
  maskOutput,
  pastMaskInput,
  scoreOutput,
} from './interface.js';
import type { CutStage } from './rebase/rebase.js';
import { emitScore, emitTransition } from './score/score.js';
import type { StageTapper } from './score/taps.js';
import { emitShares } from './select/ratios.js';
import { emitGather, emitSelection, type Selection } from './select/select.js';
import { emitStart, gatherState, type Start, type TokenState } from './select/tokens.js';
import type { WorkingGraph } from './working-graph.js';

/** What the stages are made for, and in. */
export interface StagesContext {
  readonly emitter: Emitter;
  readonly graph: WorkingGraph;
  readonly decoder: Decoder;
  readonly plan: PrunePlan;
  readonly options: InterfaceOptions;
  /** For each stage, takes what its score is made of; empty if nobody asks. */
  readonly tappers: readonly StageTapper[];
}

/** Emits every stage of a plan; the layers behind each read what it gathered. */
export function emitStages(context: StagesContext): CutStage[] {
  const { emitter, graph, decoder, plan, options, tappers } = context;
  if (plan.stages.length === 0) return [];
  const { needs } = methodByName(plan.method);
  emitter.scope('pruning');
  const start: Start = emitStart(emitter, decoder, plan, needs, options);
  const shares = emitShares(emitter, plan, options.runtimeRatios);
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
    const base = { emitter, graph, decoder, plan, stage, index };
    const score = emitScore({ ...base, next, start, state, mask, tapper });
    const selection = emitSelection(emitter, score, state, start, shares[index] ?? '');
    if (options.trace) emitter.emit('Identity', [score], { outputs: [scoreOutput(index)] });
    const stageMask =
      selection.valid &&
      emitter.emit('Concat', [pastMaskInput(index), selection.valid], {
        attributes: { axis: 1 },
        outputs: [maskOutput(index)],
      });
    const cutStage = cutAt(context, stage, selection, { mask: stageMask, scoredMask: mask });
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

/** Cuts at constant indices, without a score. */
export function emitConstantStages(
  context: StagesContext,
  indices: readonly (readonly number[])[],
): CutStage[] {
  const { emitter, plan } = context;
  return plan.stages.map((stage, index) => {
    emitter.scope(`pruning/after_layer_${stage.afterLayer}`);
    return cutAt(context, stage, { indices: emitter.int64(indices[index] ?? []) });
  });
}

/** Masks of a stage, in batches with padding. */
interface StageMasks {
  /** Over the stage's own cache and the tokens that stay. */
  readonly mask?: string | undefined;
  /** Over the cache of the layer behind the prune and the tokens in front of it. */
  readonly scoredMask?: string | undefined;
}

function cutAt(
  { emitter, graph, decoder, plan }: StagesContext,
  { afterLayer }: Stage,
  selection: Selection,
  { mask, scoredMask }: StageMasks = {},
): CutStage & { readonly rows: ReadonlyMap<string, string> } {
  const next = layerBehind(decoder, afterLayer);
  const scoresProjections = methodByName(plan.method).needs.includes('instructionAttention');
  const gather = (value: string, axis: number) => emitGather(emitter, selection, value, axis);
  const rows = cut(graph, next, scoresProjections, (value) => gather(value, 1));
  const stream = rows.get(next.streamIn) ?? '';
  const scored = { afterLayer, stream: next.streamIn, mask: scoredMask };
  return { afterLayer, stream, mask, scored, gather, gathered: [...rows.values()], rows };
}

/** A mask over the cache of the layer behind a prune and the tokens in front of it. */
function emitScoredMask(emitter: Emitter, stage: number, valid: string): string {
  const tokens = emitter.cast(valid, TensorProto_DataType.INT64);
  return emitter.emit('Concat', [pastMaskInput(stage), tokens], { attributes: { axis: 1 } });
}

/** What stands at padding is nobody's: no image, no instruction. */
function masked(emitter: Emitter, state: TokenState, valid: string): TokenState {
  const floats = emitter.cast(valid, TensorProto_DataType.FLOAT);
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
  const isValid = emitter.cast(valid, TensorProto_DataType.BOOL);
  to(emit('Where', [isValid, positions, float(-1)]));
}

function layerBehind(decoder: Decoder, afterLayer: number): DecoderLayer {
  const layer = decoder.layers[afterLayer];
  return layer ?? refuse({ where: 'plan', expected: 'a layer behind each prune', found: 'none' });
}
