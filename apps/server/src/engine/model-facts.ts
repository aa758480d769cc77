/** What a server has to know of the model that its engines have loaded. Plain data. */
import type { PrunePlan } from '@transprune/core';
import type { ModelDescriptor } from '@transprune/files';
import type { ChosenFormats } from '@transprune/files/node';
import type { Model } from '@transprune/flops';

/** What an engine's process is started with. */
export interface EngineSettings {
  readonly model: ModelDescriptor;
  /** Nothing is asked of the network for the model. */
  readonly offline?: boolean | undefined;
  /** Left out: `transprune-high`. */
  readonly preset?: string | undefined;
  /** In place of a preset. */
  readonly plan?: PrunePlan | undefined;
  readonly device?: string | undefined;
  /** Requests computed at a time. */
  readonly active: number;
  readonly visionCacheBytes: number;
  /** Of each session; onnxruntime chooses if left out. */
  readonly threads?: number | undefined;
}

export interface ModelFacts {
  /** What was taken of each graph; none of a model on another server. */
  readonly formats: ChosenFormats;
  readonly modelType: string;
  readonly device: string;
  readonly layers: number;
  readonly plan: PrunePlan;
  /** Null for a plan that is no preset's. */
  readonly preset: string | null;
  /** What each preset keeps at the plan's prunes, for those whose prunes are at the same layers. */
  readonly presets: Readonly<Record<string, readonly number[]>>;
  /** True if the decode steps of several requests are one batch. */
  readonly batches: boolean;
  /** What it costs; null if its sizes are not known. */
  readonly costs: Model | null;
}
