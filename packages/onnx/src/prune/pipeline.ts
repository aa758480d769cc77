/** The stages of a plan, one after the other. */
import { methodOf, newlyAccumulatedLayers, type PrunePlan } from '@transprune/core';
import type { DecoderLayer } from '../decoder/decoder.js';
import { refuse } from '../decoder/refuse.js';
import type { ValueInfoProto } from '../proto/onnx_pb.js';
import { emitLengthCheck } from './cache-lengths.js';
import { cutAt } from './cut/cut.js';
import { emitStage, type HandedOn, unread } from './emit-stage.js';
import { noGate, type OpenGate, openGate } from './gate.js';
import type { CutStage } from './rebase/rebase.js';
import { emitTransition } from './score/score.js';
import { createTapper, type StageTapper, type StageTaps } from './score/taps.js';
import { type ScoredLayer, type StagesContext, stageEmitters, stagePrefix } from './stage.js';
import { emitCall, emitValid } from './tokens.js';

/** What the stages are. */
export interface EmittedStages {
  /** The layers after each read what it gathered. */
  readonly stages: readonly CutStage[];
  /** Hold what runs only in a call with an image token. */
  readonly gates: readonly OpenGate[];
  /** What each stage's score is made of; empty if nobody asks. */
  readonly taps: readonly StageTaps[];
  /** Describes the taps as outputs of the graph. */
  readonly tapOutputs: readonly ValueInfoProto[];
}

/**
 * Accumulated layers whose modules' inputs and outputs may be held until the prune that reads them, four
 * values as large as the residual stream for each. Where a stage accumulates more, they are added up in
 * gates of their own on the way, so many at a time, and the sum goes on.
 */
const heldLayers = 4;

/** Emits every stage of a plan; the layers after each read what it gathered. */
export function emitStages(context: StagesContext): EmittedStages {
  const { emitter, decoder, plan, options } = context;
  if (plan.stages.length === 0) return { stages: [], gates: [], taps: [], tapOutputs: [] };
  const around = emitter.child('pruning', { role: 'gate' });
  const checks = emitter.child('pruning/lengths', { role: 'check' });
  const check = emitLengthCheck(checks, decoder, plan, options);
  const call = emitCall(around, decoder, options.batch, check);
  const gates: OpenGate[] = [];
  const tappers: StageTapper[] = [];
  const tapOutputs: ValueInfoProto[] = [];
  const stages: CutStage[] = [];
  const layers = [...decoder.layers];
  let tokens: HandedOn | undefined;
  for (const [index, { afterLayer }] of plan.stages.entries()) {
    const prefix = stagePrefix(afterLayer);
    const open = (name: string): OpenGate => {
      const own = around.child(name, { role: 'gate', stage: index });
      const gate = openGate(own, call.hasImage, own.branch(name, { role: 'score', stage: index }));
      gates.push(gate);
      return gate;
    };
    const accumulated = accumulatedLayers(plan, layers, index);
    let sum = tokens?.state.transition;
    while (accumulated.length > heldLayers) {
      const group = accumulated.splice(0, heldLayers);
      const name = `${prefix}/up_to_layer_${group.at(-1)?.number}`;
      const gate = open(name);
      const valid = tokens ? tokens.state.valid : emitValid(gate.emitter, call);
      const added = emitTransition(gate.emitter, decoder, group, plan, { sum, valid });
      sum = added && gate.output(added, unread, `${name}/transition`);
    }
    const gate = open(prefix);
    const tapper = context.taps
      ? createTapper({ around, gate, decoder }, index, tapOutputs)
      : undefined;
    if (tapper) tappers.push(tapper);
    for (const layer of accumulatedLayers(plan, layers, index)) tapper?.layer(layer);
    const last = lastLayer(layers, afterLayer);
    const stage = { call, gate, index, accumulated, last, sum, tapper, before: tokens };
    const made = emitStage(context, stage);
    stages.push(made.stage);
    tokens = made.tokens;
    if (made.next) layers[afterLayer] = made.next;
  }
  return { stages, gates, taps: tappers.map((tapper) => tapper.taps()), tapOutputs };
}

/** Cuts at constant indices, without a score and in every call. */
export function emitConstantStages(
  context: StagesContext,
  indices: readonly (readonly number[])[],
): EmittedStages {
  const { emitter, plan } = context;
  const stages = plan.stages.map(({ afterLayer }, index) => {
    const prefix = stagePrefix(afterLayer);
    const own = emitter.child(prefix, { role: 'gather', stage: index });
    const emitters = stageEmitters(own, prefix, index);
    const selection = { indices: emitters.select.int64(indices[index] ?? []) };
    return cutAt(context, { gate: noGate(own), emitters, index, selection });
  });
  return { stages, gates: [], taps: [], tapOutputs: [] };
}

/** The layers that a stage adds to the transition; none if the method does not ask for it. */
function accumulatedLayers(
  plan: PrunePlan,
  layers: readonly DecoderLayer[],
  stage: number,
): ScoredLayer[] {
  if (!methodOf(plan).needs.includes('transition')) return [];
  return newlyAccumulatedLayers(plan, stage).flatMap((number) => scoredLayer(layers, number) ?? []);
}

/** The layer before a prune. */
function lastLayer(layers: readonly DecoderLayer[], afterLayer: number): ScoredLayer {
  return (
    scoredLayer(layers, afterLayer) ??
    refuse({ where: 'plan', expected: 'a layer before each prune', found: 'none' })
  );
}

/** @param number from 1 */
function scoredLayer(layers: readonly DecoderLayer[], number: number): ScoredLayer | undefined {
  const layer = layers[number - 1];
  return layer && { number, modules: [layer.mixer, layer.ffn] };
}
