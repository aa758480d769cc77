/** Score: the method's formula over its signals, as nodes. */
import {
  attentionUpdate,
  blockedLogit,
  layerTransition,
  layerVariation,
  type ModulePass,
  methodOf,
  type SignalName,
  signalsFor,
  type TransitionForm,
} from '@transprune/core';
import type { Decoder, Module } from '../../decoder/decoder.js';
import { onnxAlgebra } from '../../graph/algebra.js';
import type { Emitter } from '../../graph/emitter.js';
import { asFloat, type ScoredLayer, type StageContext } from '../stage.js';
import { emitInstructionAttention } from './instruction-attention.js';
import { emitKeyNorm } from './key-norm.js';

/** What transitions are added to. */
export interface Accumulation {
  /** float32 `[batch, tokens]`, the sum so far; undefined at the start. */
  readonly sum: string | undefined;
  /** float32 `[batch, tokens]`, 0 at padding; undefined where there is none. */
  readonly valid: string | undefined;
}

/** The transition of some layers added to what was accumulated before: float32 `[batch, tokens]`. */
export function emitTransition(
  emitter: Emitter,
  decoder: Decoder,
  layers: readonly ScoredLayer[],
  form: TransitionForm,
  { sum, valid }: Accumulation,
): string | undefined {
  const algebra = onnxAlgebra(emitter);
  // Padding takes no share of the softmax over the sequence.
  const bias =
    valid &&
    algebra.multiply(algebra.subtract(algebra.constant(1), valid), algebra.constant(blockedLogit));
  const inFloat = (module: Module) => passOf({ emitter, decoder }, module);
  return layers
    .map(({ modules }) => layerTransition(algebra, modules.map(inFloat), form, bias))
    .reduce<string | undefined>((total, value) => (total ? algebra.add(total, value) : value), sum);
}

/** What a module reads and writes, in float32. */
function passOf(
  context: Pick<StageContext, 'emitter' | 'decoder'>,
  { input, output }: Module,
): ModulePass<string> {
  return { input: asFloat(context, input), output: asFloat(context, output) };
}

/** The method's score at a stage: float32 `[batch, tokens]`; what it holds at text tokens does not count. */
export function emitScore(context: StageContext): string {
  const { emitter, plan, state } = context;
  const algebra = onnxAlgebra(emitter);
  const method = methodOf(plan);
  const lastPasses = () => {
    const { modules } = context.last;
    context.tapper?.last(modules.map(({ output }) => output));
    return modules.map((module) => passOf(context, module));
  };
  const read: Record<SignalName, () => string> = {
    transition: () => known('transition', state.transition),
    instructionAttention: () => emitInstructionAttention(context),
    variation: () => layerVariation(algebra, lastPasses()),
    attentionUpdate: () => attentionUpdate(algebra, lastPasses()),
    keyNorm: () => emitKeyNorm(context),
    noise: () => known('noise', state.noise),
    spread: () => known('spread', state.spread),
  };
  context.tapper?.values(state);
  return method.score(algebra, signalsFor(method, read), state.imageMask);
}

/** What a valid plan has made by the time that a method asks for it. */
function known(name: string, value: string | undefined): string {
  if (value === undefined) throw new Error(`expected ${name} to be known before they are scored`);
  return value;
}
