/** Engines side by side, each of which answers one question at a time. */
import type { PrunePlan, Reduction } from '@transprune/core';
import type { LocalEngine } from '@transprune/vlm';
import type { StudiedModel } from './model.js';

export interface Lanes {
  readonly count: number;
  /** Waits for an engine that is free, and lends it. */
  lend<T>(use: (engine: LocalEngine) => Promise<T>): Promise<T>;
  /** The same with another decoder; to be disposed before these. */
  withPlan(plan: PrunePlan): Promise<Lanes>;
  dispose(): Promise<void>;
}

/** Opens a model so many times. */
export async function openLanes(
  model: StudiedModel,
  count: number,
  reduction?: Reduction,
): Promise<Lanes> {
  const engines: LocalEngine[] = [];
  for (let lane = 0; lane < count; lane++) engines.push(await model.open(reduction));
  return lanesOf(model, engines);
}

function lanesOf(model: StudiedModel, engines: readonly LocalEngine[]): Lanes {
  const free = [...engines];
  const waiting: ((engine: LocalEngine) => void)[] = [];
  const take = async () =>
    free.pop() ?? new Promise<LocalEngine>((resolve) => waiting.push(resolve));
  const giveBack = (engine: LocalEngine) => {
    const next = waiting.shift();
    if (next) next(engine);
    else free.push(engine);
  };
  return {
    count: engines.length,
    async lend(use) {
      const engine = await take();
      try {
        return await use(engine);
      } finally {
        giveBack(engine);
      }
    },
    async withPlan(plan) {
      const source = model.prune(plan);
      const pruned = [];
      for (const engine of engines) pruned.push(await engine.withDecoder(source));
      return lanesOf(model, pruned);
    },
    async dispose() {
      for (const engine of engines) await engine.dispose();
    },
  };
}
