/** What an app written in JavaScript may get wrong in its options, found before anything is loaded. */
import { didYouMean, TransPruneError } from '@transprune/core';
import type { PruningOptions } from './options.js';

const names: Readonly<Record<keyof PruningOptions, true>> = {
  ...{ preset: true, plan: true, keepRatios: true, positions: true, perImage: true },
  ...{ batch: true, onUnsupported: true, onPruned: true },
};
const whenUnsupported: readonly unknown[] = ['throw', 'warn', undefined];

/** @throws TransPruneError INVALID_ARGUMENT for an option that there is not: it would be left out silently */
export function checkNames(options: PruningOptions): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return;
  const known = Object.keys(names);
  const meant = didYouMean(unknown, known);
  fail(`expected the options ${known.join(', ')}, got ${unknown}${meant}`, unknown);
}

/** @throws TransPruneError INVALID_ARGUMENT for values that would be taken for others */
export function checkValues({ plan, onUnsupported }: PruningOptions): void {
  if (!whenUnsupported.includes(onUnsupported)) {
    const got = JSON.stringify(onUnsupported);
    const meant = didYouMean(`${onUnsupported}`, ['throw', 'warn']);
    fail(`expected onUnsupported to be 'throw' or 'warn', got ${got}${meant}`, 'onUnsupported');
  }
  if (plan !== undefined && !Array.isArray((plan as unknown as { stages?: unknown })?.stages)) {
    const got = JSON.stringify(plan);
    fail(`expected a plan with stages, as createPlan and presetPlan make them, got ${got}`, 'plan');
  }
}

function fail(message: string, field: string): never {
  throw new TransPruneError('INVALID_ARGUMENT', message, { field });
}
