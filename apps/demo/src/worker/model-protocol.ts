/** What passes between the page of the user's own model and its workers; all of it is plain data. */
import type { MethodName, MovedPrune, PresetName, PrunePlan } from '@transprune/core';
import type { Inspection } from '@transprune/onnx';
import type { Pixels } from '@transprune/vlm';

/** Where and by what a decoder is to be pruned. */
export interface PlanChoice {
  readonly preset: Exclude<PresetName, 'none'>;
  readonly method: MethodName;
}

/** What a file was found to be. */
export interface ModelReport {
  readonly inspection: Inspection;
  /** Files that hold weights beside it. */
  readonly externalFiles: readonly string[];
}

/** A pruned decoder as a file. */
export interface PrunedFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly plan: PrunePlan;
  /** Prunes that the decoder has no depth for where the preset has them. */
  readonly moved: readonly MovedPrune[];
  readonly nodes: { readonly before: number; readonly after: number };
}

export interface ModelWorker {
  /** @throws TransPruneError INVALID_MODEL for what is no ONNX model */
  inspect(file: Blob, choice: PlanChoice): Promise<ModelReport>;
  /**
   * Prunes the file that was inspected last.
   *
   * @throws TransPruneError with the reason why it cannot be
   */
  prune(choice: PlanChoice): Promise<PrunedFile>;
}

/** Weights as the hub's repositories name them. */
export const hubTypes = ['q4', 'q4f16', 'q8', 'fp16', 'fp32'] as const;

export interface HubRequest {
  /** Of a repository on the hub, such as `owner/name`. */
  readonly id: string;
  readonly type: (typeof hubTypes)[number];
  readonly device: 'webgpu' | 'wasm';
  readonly preset: PlanChoice['preset'];
  /** Address of the page's folder. */
  readonly page: string;
}

/** What a model of the hub answered, unpruned or pruned. */
export interface HubAnswer {
  readonly text: string;
  /** From the question to the last token. */
  readonly ms: number;
  /** Image tokens of the prompt, and what is left of them after each prune. */
  readonly imageTokens: readonly number[];
}

export interface HubProgress {
  readonly doing: string;
  readonly bytes: number;
  readonly allBytes: number;
}

export interface HubWorker {
  /** @returns the plan of the decoder, pruned as it was opened */
  load(request: HubRequest, onProgress: (progress: HubProgress) => void): Promise<PrunePlan>;
  /** Asks the loaded model twice: without pruning, and with it. */
  ask(
    picture: Pixels,
    question: string,
  ): Promise<{ readonly unpruned: HubAnswer; readonly pruned: HubAnswer }>;
}
