/** The prepared traces: which they are. */
import { type PrunePlan, presetPlan } from '@transprune/core';

export interface PreparedTrace {
  /** Of its file, below `prepared/`. */
  readonly name: string;
  readonly sample: string;
  readonly question: string;
  plan(layers: number): PrunePlan;
}

/** The question is about the circle, whose digit it needs; drawn by lot, no patch of it stays. */
export const example = {
  sample: 'scene-1',
  question: 'what number is on the circle?',
  shape: 'circle',
} as const;
const high = (layers: number) => presetPlan('transprune-high', layers).plan;

export const preparedTraces = {
  high: { ...example, name: 'example-high', plan: high },
  random: {
    ...example,
    name: 'example-random',
    plan: (layers) => ({ ...high(layers), method: 'random', seed: 1 }),
  },
} as const satisfies Readonly<Record<string, PreparedTrace>>;
