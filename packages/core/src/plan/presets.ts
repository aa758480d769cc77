/**
 * The published configurations, and how they are carried over to other depths.
 *
 * Source: TransPrune supplement, table 1 (32 layers; the Qwen2.5-VL-7B row has 28 layers and the same
 * layer numbers). For any other depth the layer numbers are scaled: that is this project's own
 * choice, and `PresetPlan.schedule` says so.
 */
import { TransPruneError } from '../errors.js';
import { didYouMean } from '../words.js';
import { createPlan, type PrunePlan } from './plan.js';

interface Preset {
  readonly pruneAfter: readonly number[];
  readonly keep: readonly number[];
  readonly accumulate: readonly [from: number, to: number];
}

const presets = {
  'transprune-high': { pruneAfter: [7, 9, 12], keep: [0.875, 0.625, 0.125], accumulate: [7, 12] },
  'transprune-low': { pruneAfter: [7, 9, 12], keep: [0.625, 0.1875, 0.0625], accumulate: [7, 12] },
  none: { pruneAfter: [], keep: [], accumulate: [1, 0] },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof presets;
export const presetNames = Object.keys(presets) as readonly PresetName[];

const publishedDepths: readonly number[] = [28, 32];

/** A preset's plan, and whether its layer numbers are the published ones or scaled to the depth. */
export interface PresetPlan {
  readonly plan: PrunePlan;
  readonly schedule: 'published' | 'depth-scaled';
}

/** Smallest decoder that the presets can be scaled to: three prunes need a layer after each. */
const minimumLayers = 4;

/**
 * The plan of a preset for a decoder of a given depth.
 *
 * @throws TransPruneError INVALID_PLAN for a name that is no preset, or a decoder of under 4 layers
 */
export function presetPlan(name: string, layers: number): PresetPlan {
  if (!isPresetName(name)) {
    throw new TransPruneError(
      'INVALID_PLAN',
      `preset must be one of ${presetNames.join(', ')}, got ${name}${didYouMean(`${name}`, presetNames)}`,
      { field: 'preset', got: name },
    );
  }
  const preset: Preset = presets[name];
  if (preset.pruneAfter.length === 0) {
    return { plan: createPlan({ stages: [] }), schedule: 'published' };
  }
  if (layers < minimumLayers) {
    throw new TransPruneError(
      'INVALID_PLAN',
      `preset ${name} needs a decoder of at least ${minimumLayers} layers, got ${layers}; name the stages yourself`,
      { field: 'preset', layers },
    );
  }
  const published = publishedDepths.includes(layers);
  const pruneAfter = published ? preset.pruneAfter : scaledLayers(preset.pruneAfter, layers);
  const last = pruneAfter.at(-1) ?? 0;
  const first = Math.min(
    published ? preset.accumulate[0] : scaleLayer(preset.accumulate[0], layers),
    pruneAfter[0] ?? 1,
  );
  return {
    plan: createPlan({
      accumulateLayers: Array.from({ length: last - first + 1 }, (_, i) => first + i),
      stages: pruneAfter.map((afterLayer, i) => ({ afterLayer, keepRatio: preset.keep[i] ?? 1 })),
    }),
    schedule: published ? 'published' : 'depth-scaled',
  };
}

function isPresetName(name: string): name is PresetName {
  return (presetNames as readonly string[]).includes(name);
}

const scaleLayer = (layer: number, layers: number) =>
  Math.max(1, Math.round((layer * layers) / 32));

/** Layer numbers (1-based) of 32 layers for another depth, pushed apart where they would fall together, the last below it. */
export function scaledLayers(numbers: readonly number[], layers: number): number[] {
  let previous = 0;
  return numbers.map((number, i) => {
    const room = layers - 1 - (numbers.length - 1 - i);
    previous = Math.min(Math.max(scaleLayer(number, layers), previous + 1), room);
    return previous;
  });
}
