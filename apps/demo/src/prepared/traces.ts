/** The prepared traces: which they are. */
import { type PrunePlan, presetPlan } from '@transprune/core';

export interface PreparedTrace {
  /** Of its file, below `prepared/`. */
  readonly name: string;
  readonly sample: string;
  readonly question: string;
  plan(layers: number): PrunePlan;
}

const example = { sample: 'scene-1', question: 'what color is the heart?' } as const;
const high = (layers: number) => presetPlan('transprune-high', layers).plan;

export const preparedTraces = {
  high: { ...example, name: 'heart-high', plan: high },
  random: {
    ...example,
    name: 'heart-random',
    plan: (layers) => ({ ...high(layers), method: 'random', seed: 1 }),
  },
} as const satisfies Readonly<Record<string, PreparedTrace>>;
