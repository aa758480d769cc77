/** An engine that answers one question at a time, on all threads: onnxruntime-node runs one thing at once in a process. */
import type { PrunePlan, Reduction } from '@transprune/core';
import type { LocalEngine } from '@transprune/vlm';
import type { StudiedModel } from './model.js';

export interface Lane {
  readonly engine: LocalEngine;
  /** Of each session. */
  readonly threads: number;
  /** The same with another decoder; to be disposed before this. */
  withPlan(plan: PrunePlan): Promise<Lane>;
  dispose(): Promise<void>;
}

/** Opens a model. */
export async function openLane(
  model: StudiedModel,
  threads: number,
  reduction?: Reduction,
): Promise<Lane> {
  return laneOf(model, threads, await model.open({ reduction, threads }));
}

const laneOf = (model: StudiedModel, threads: number, engine: LocalEngine): Lane => ({
  ...{ engine, threads },
  withPlan: async (plan) => laneOf(model, threads, await engine.withDecoder(model.prune(plan))),
  dispose: () => engine.dispose(),
});
