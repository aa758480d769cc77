/** What is dropped where, as the user chooses it. */

import { computed, signal } from '@preact/signals';
import { keptImageTokens, type MethodName, type PrunePlan, presetPlan } from '@transprune/core';
import config from '../../../../packages/embedded-model/model/config.json';
import { patchCount } from './samples.js';

/** The two presets that prune. */
export const presets = {
  'transprune-high': 'High',
  'transprune-low': 'Low',
} as const satisfies Readonly<Record<string, string>>;
export type PresetChoice = keyof typeof presets;
export const presetChoices = Object.keys(presets) as readonly PresetChoice[];

export const layers = config.text_config.num_hidden_layers;

const startPreset: PresetChoice = 'transprune-high';

export const keepRatios = signal<readonly number[]>(ratiosOf(startPreset));
export const method = signal<MethodName>('transprune');
export const seed = signal(1);
export const mostSeed = 9999;
export const isSeed = (value: number) => Number.isInteger(value) && value >= 0 && value <= mostSeed;

/** The preset that has these ratios, if one has. */
export const preset = computed(() => presetOf(keepRatios.value));

export const plan = computed<PrunePlan>(() => {
  const { plan: base } = presetPlan(startPreset, layers);
  const stages = base.stages.map((stage, at) => ({
    ...stage,
    keepRatio: keepRatios.value[at] ?? stage.keepRatio,
  }));
  return { ...base, stages, method: method.value, seed: seed.value };
});

/** What a plan is called. */
export function planName({ stages, method }: PrunePlan): string {
  const name = presetOf(stages.map(({ keepRatio }) => keepRatio));
  const budget = name ? presets[name] : 'own ratios';
  return method === 'transprune' ? budget : `${method}, ${budget}`;
}

export function choosePreset(name: PresetChoice): void {
  keepRatios.value = ratiosOf(name);
}

/** Sets one ratio; the others give way, as ratios may not rise from prune to prune. */
export function chooseRatio(prune: number, ratio: number): void {
  keepRatios.value = keepRatios.value.map((other, at) => {
    if (at === prune) return ratio;
    return at < prune ? Math.max(other, ratio) : Math.min(other, ratio);
  });
}

/** Patches that stay after each prune: whole numbers, which an address holds without loss. */
export function keptCounts(ratios: readonly number[]): readonly number[] {
  return ratios.map((ratio) => keptImageTokens(ratio, patchCount));
}

/** The ratios of such numbers, separated by commas; undefined for what is no plan. */
export function ratiosOfCounts(text: string | null): readonly number[] | undefined {
  const counts = (text ?? '').split(',').map(Number);
  const falls = counts.every(
    (count, at) => Number.isInteger(count) && count > 0 && count <= (counts[at - 1] ?? patchCount),
  );
  if (!falls || counts.length !== keepRatios.value.length) return undefined;
  return counts.map((count) => count / patchCount);
}

const presetOf = (ratios: readonly number[]) =>
  presetChoices.find((name) => String(ratiosOf(name)) === String(ratios));

function ratiosOf(name: PresetChoice): readonly number[] {
  return presetPlan(name, layers).plan.stages.map(({ keepRatio }) => keepRatio);
}
