/** Score: the method's formula over its signals, as nodes. */
import {
  blockedLogit,
  type Direction,
  layerTransition,
  methodOf,
  type SignalName,
} from '@transprune/core';
import type { Decoder, Module } from '../../decoder/decoder.js';
import { onnxAlgebra } from '../../graph/algebra.js';
import type { Emitter } from '../../graph/emitter.js';
import { asFloat, type StageContext } from '../stage.js';
import { emitInstructionAttention } from './instruction-attention.js';

/** A layer whose transition a stage adds. */
export interface AccumulatedLayer {
  /** From 1. */
  readonly number: number;
  /** Attention and FFN. */
  readonly modules: readonly Module[];
}

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
  layers: readonly AccumulatedLayer[],
  direction: Direction,
  { sum, valid }: Accumulation,
): string | undefined {
  const algebra = onnxAlgebra(emitter);
  // Padding takes no share of the softmax over the sequence.
  const bias =
    valid &&
    algebra.multiply(algebra.subtract(algebra.constant(1), valid), algebra.constant(blockedLogit));
  const inFloat = ({ input, output }: Module) => ({
    input: asFloat({ emitter, decoder }, input),
    output: asFloat({ emitter, decoder }, output),
  });
  return layers
    .map(({ modules }) => layerTransition(algebra, modules.map(inFloat), direction, bias))
    .reduce<string | undefined>((total, value) => (total ? algebra.add(total, value) : value), sum);
}

/** The method's score at a stage: float32 `[batch, tokens]`; what it holds at text tokens does not count. */
export function emitScore(context: StageContext): string {
  const { emitter, plan, state } = context;
  const algebra = onnxAlgebra(emitter);
  const method = methodOf(plan);
  const read: Record<SignalName, () => string> = {
    transition: () => known('transition', state.transition),
    instructionAttention: () => emitInstructionAttention(context),
    noise: () => known('noise', state.noise),
  };
  context.tapper?.values(state);
  const signals = Object.fromEntries(method.needs.map((name) => [name, read[name]()]));
  return method.score(algebra, signals as Record<SignalName, string>, state.imageMask);
}

/** What a valid plan has made by the time that a method asks for it. */
function known(name: string, value: string | undefined): string {
  if (value === undefined) throw new Error(`expected ${name} to be known before they are scored`);
  return value;
}
