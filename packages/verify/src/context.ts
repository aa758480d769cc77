import type { SettledPlan } from '@transprune/core';
import type { Decoder, OnnxModel, PruneOptions } from '@transprune/onnx';
import type { ModelSource } from '@transprune/session';
import type { Answer } from './play.js';
import type { CallParts, Numbering, RowCall } from './prompt.js';
import type { Outcome } from './report.js';
import type { Tolerances } from './tolerance.js';
import type { Workbench } from './workbench.js';

/** What all checks share. */
export interface Verification {
  readonly original: OnnxModel;
  readonly decoder: Decoder;
  readonly plan: SettledPlan;
  readonly options: Omit<PruneOptions, 'constantIndices' | 'taps'>;
  readonly tolerance: Tolerances;
  readonly bench: Workbench;
  /** A short conversation does, and whatever takes another graph is left out. */
  readonly quick: boolean;
  place(model: OnnxModel): Promise<ModelSource>;
  /** The plan's. */
  readonly ratios: readonly number[];
  readonly unpruned: Unpruned;
}

/** The original's side of the comparison. */
export interface Unpruned {
  /** Whether tokens can be added to a prompt. */
  readonly hasCache: boolean;
  /** Makes a conversation that this decoder can be fed with. */
  make(layouts: readonly CallParts[], seed: number, numbering: Numbering): RowCall[];
  /** A prompt and single tokens after it. */
  readonly whole: readonly RowCall[];
  readonly answers: readonly Answer[];
  /** The same prompt in two calls, and a token. */
  readonly chunks: readonly RowCall[];
  readonly chunkAnswers: Outcome<readonly Answer[]>;
  /**
   * How far the original's logits are from each other when the same tokens come one by one and as one
   * prompt: what a graph that quantizes whole tensors leaves open.
   */
  readonly spread: number;
}
