/** The worker that reads and prunes the user's own decoder; the file does not leave the browser. */
import {
  type MovedPrune,
  type PrunePlan,
  presetPlan,
  settlePlan,
  TransPruneError,
} from '@transprune/core';
import {
  type Decoder,
  decodeModel,
  encodeModel,
  externalLocations,
  fitPlan,
  inspectModel,
  type OnnxModel,
  pruneModel,
  readDecoder,
} from '@transprune/onnx';
import { expose, transfer } from 'comlink';
import type { ModelWorker, PlanChoice } from './model-protocol.js';

let model: OnnxModel | undefined;

const worker: ModelWorker = {
  async inspect(file, choice) {
    model = undefined;
    model = decodeModel(new Uint8Array(await file.arrayBuffer()));
    const inspection = inspectModel(model, { plan: (layers) => planOf(choice, layers) });
    return { inspection, externalFiles: externalLocations(model) };
  },

  async prune(choice) {
    if (!model) {
      throw new TransPruneError('INVALID_ARGUMENT', 'expected a decoder; drop one first');
    }
    const { plan, moved } = fitted(choice, readDecoder(model));
    const pruned = pruneModel(model, plan);
    const bytes = encodeModel(pruned.model) as Uint8Array<ArrayBuffer>;
    const { nodes } = pruned.report;
    return transfer({ bytes, plan: pruned.plan, moved, nodes }, [bytes.buffer]);
  },
};

expose(worker);

function planOf({ preset, method }: PlanChoice, layers: number): PrunePlan {
  return { ...presetPlan(preset, layers).plan, method };
}

function fitted(
  choice: PlanChoice,
  decoder: Decoder,
): { plan: PrunePlan; moved: readonly MovedPrune[] } {
  return fitPlan(settlePlan(planOf(choice, decoder.layers.length), decoder), decoder);
}
