/** What passes between the page and its worker; all of it is plain data. */
import type { PrunePlan } from '@transprune/core';
import type { Answer, LayerMaps, TraceStage } from '@transprune/trace';
import type { Pixels } from '@transprune/vlm';

export type DeviceChoice = 'auto' | 'webgpu' | 'wasm';

export interface LoadRequest {
  readonly device: DeviceChoice;
  /** Address of the page's folder. */
  readonly page: string;
}

export interface LoadProgress {
  /** What is being done, in words for the user. */
  readonly doing: string;
  readonly bytes: number;
  readonly allBytes: number;
}

/** What was loaded, and where it runs. */
export interface ModelFacts {
  readonly device: 'webgpu' | 'wasm';
  /** Why there is no WebGPU, if it was wanted. */
  readonly noWebgpu: string | undefined;
  /** Of WebAssembly. */
  readonly threads: number;
  readonly layers: number;
}

export type Side = 'unpruned' | 'pruned';

export interface AskRequest {
  readonly question: string;
  /** As the model reads it; the unpruned side may get one with less detail. */
  readonly pictures: Readonly<Record<Side, Pixels>>;
  /** Pixels of detail that a side of the unpruned side's picture has. */
  readonly pictureSize: number;
  /** Its keep ratios are those that run. */
  readonly plan: PrunePlan;
}

export type AskEvent =
  | { readonly type: 'start'; readonly side: Side }
  | { readonly type: 'stage'; readonly stage: TraceStage }
  | { readonly type: 'text'; readonly side: Side; readonly text: string }
  | { readonly type: 'answer'; readonly side: Side; readonly answer: Answer }
  | { readonly type: 'prompt'; readonly imageTokens: number; readonly textTokens: number }
  /** The stages once more, with what their scores are made of. */
  | { readonly type: 'explained'; readonly stages: readonly TraceStage[] };

export interface DemoWorker {
  /** @throws what a file or a device is at fault of, in words for the user */
  load(request: LoadRequest, onProgress: (progress: LoadProgress) => void): Promise<ModelFacts>;
  /** Asks the unpruned and then the pruned decoder; `false` if it was stopped. */
  ask(request: AskRequest, onEvent: (event: AskEvent) => void): Promise<boolean>;
  /** What the layers of the unpruned decoder do to the same prompt. */
  layers(request: AskRequest): Promise<readonly LayerMaps[]>;
  /** Whether the graphics card was lost, for which nothing that it does succeeds any more. */
  deviceIsLost(): Promise<boolean>;
  /** Ends the answer that is on its way. */
  stop(): void;
}
