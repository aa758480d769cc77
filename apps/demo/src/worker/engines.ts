/** The embedded model with its decoders: as it is, pruned, and with all that is read off while it runs. */
import { createPlan, type PrunePlan } from '@transprune/core';
import { encodeModel, type PruneOptions, pruneModel, type StageTaps } from '@transprune/onnx';
import type { Backend } from '@transprune/session';
import { createEngine, type LocalEngine } from '@transprune/vlm';
import type { EmbeddedModel } from './embedded-model.js';

/** A decoder that tells what its scores are made of. */
export interface TappedEngine {
  readonly engine: LocalEngine;
  readonly taps: readonly StageTaps[];
}

export interface Engines {
  readonly device: string;
  readonly unpruned: LocalEngine;
  /** Pruned as a plan says; its keep ratios are those of each request. */
  pruned(plan: PrunePlan): Promise<TappedEngine>;
  /** The same, with the taps of its stages as outputs. */
  tapped(plan: PrunePlan): Promise<TappedEngine>;
  /** Drops nothing; its only stage taps every layer but the last. */
  surveyed(): Promise<TappedEngine>;
  dispose(): Promise<void>;
}

/** @throws TransPruneError for what cannot be opened on the device */
export async function openEngines(
  { files, decoder, sizes }: EmbeddedModel,
  backend: Backend,
  device: string,
): Promise<Engines> {
  const unpruned = await createEngine({ files, backend, device });
  const open = async (plan: PrunePlan, options: PruneOptions): Promise<TappedEngine> => {
    const { model, report } = pruneModel(decoder, plan, { trace: true, ...options });
    const keepRatios = plan.stages.map(({ keepRatio }) => keepRatio);
    const source = { bytes: encodeModel(model), ...(options.runtimeRatios && { keepRatios }) };
    return { engine: await unpruned.withDecoder(source), taps: report.taps };
  };
  const pruned = lastOpened((plan) => open(plan, { runtimeRatios: true }));
  const tapped = lastOpened((plan) => open(plan, { runtimeRatios: true, taps: true }));
  const survey = lastOpened((plan) => open(plan, { taps: true }));
  const last = sizes.decoder.layers.length - 1;
  const everyLayer = createPlan({
    accumulateLayers: Array.from({ length: last }, (_, layer) => layer + 1),
    stages: [{ afterLayer: last, keepRatio: 1 }],
  });
  return {
    device: unpruned.device,
    unpruned,
    pruned: pruned.open,
    tapped: tapped.open,
    surveyed: () => survey.open(everyLayer),
    async dispose() {
      for (const { dispose } of [pruned, tapped, survey]) await dispose();
      await unpruned.dispose();
    },
  };
}

/** Keeps the engine of the last plan, so that ratios change without opening anything. */
function lastOpened(open: (plan: PrunePlan) => Promise<TappedEngine>) {
  let opened: { readonly key: string; readonly found: TappedEngine } | undefined;
  const dispose = async () => {
    await opened?.found.engine.dispose();
    opened = undefined;
  };
  return {
    dispose,
    async open(plan: PrunePlan): Promise<TappedEngine> {
      const stages = plan.stages.map(({ afterLayer }) => ({ afterLayer, keepRatio: 1 }));
      const key = JSON.stringify({ ...plan, stages });
      if (opened?.key === key) return opened.found;
      await dispose();
      opened = { key, found: await open(plan) };
      return opened.found;
    },
  };
}
