/** Score: the method's formula over its signals, as nodes. */
import {
  blockedLogit,
  layerTransition,
  methodByName,
  newlyAccumulatedLayers,
  type PrunePlan,
  type SignalName,
} from '@transprune/core';
import type { Decoder, DecoderLayer, Module } from '../../decoder/decoder.js';
import { onnxAlgebra } from '../../graph/algebra.js';
import type { Emitter } from '../../graph/emitter.js';
import type { TokenState } from '../select/tokens.js';
import { asFloat, type StageContext } from '../stage.js';
import { emitInstructionAttention } from './instruction-attention.js';
import type { StageTapper } from './taps.js';

/** The accumulated transition at a stage, the layers since the previous stage added. */
export function emitTransition(
  emitter: Emitter,
  decoder: Decoder,
  layers: readonly DecoderLayer[],
  plan: PrunePlan,
  stage: number,
  { transition, valid }: TokenState,
  tapper?: StageTapper,
): string | undefined {
  if (!methodByName(plan.method).needs.includes('transition')) return undefined;
  const algebra = onnxAlgebra(emitter);
  // Padding takes no share of the softmax over the sequence.
  const bias =
    valid &&
    algebra.multiply(algebra.subtract(algebra.constant(1), valid), algebra.constant(blockedLogit));
  const inFloat = ({ input, output }: Module) => ({
    input: asFloat({ emitter, decoder }, input),
    output: asFloat({ emitter, decoder }, output),
  });
  return newlyAccumulatedLayers(plan, stage)
    .flatMap((number) => {
      const layer = layers[number - 1];
      if (!layer) return [];
      const modules = [inFloat(layer.attention), inFloat(layer.ffn)];
      tapper?.layer(number, modules);
      return layerTransition(algebra, modules, plan.direction, bias);
    })
    .reduce<string | undefined>(
      (sum, value) => (sum ? algebra.add(sum, value) : value),
      transition,
    );
}

/** The method's score at a stage, 0 at text tokens: float32 `[batch, tokens]`. */
export function emitScore(context: StageContext): string {
  const { emitter, plan, state } = context;
  const algebra = onnxAlgebra(emitter);
  const method = methodByName(plan.method);
  const read: Record<SignalName, () => string> = {
    transition: () => known('transition', state.transition),
    instructionAttention: () => emitInstructionAttention(context),
    noise: () => known('noise', state.noise),
  };
  context.tapper?.values(state);
  const signals = Object.fromEntries(method.needs.map((name) => [name, read[name]()]));
  const score = method.score(algebra, signals as Record<SignalName, string>, state.imageMask);
  return algebra.multiply(score, state.imageMask);
}

/** What a valid plan has made by the time that a method asks for it. */
function known(name: string, value: string | undefined): string {
  if (value === undefined) throw new Error(`expected ${name} to be known before they are scored`);
  return value;
}
