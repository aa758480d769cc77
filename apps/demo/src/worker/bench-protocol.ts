/** What passes between the bench page and its worker; all of it is plain data. */
import type { BenchDocument } from '@transprune/bench';
import config from '../../../../packages/embedded-model/model/config.json';

/** Decoders that can be timed. */
export const benchShapes = {
  'smolvlm-256m': {
    title: "SmolVLM-256M's shape",
    imageTokens: 1088,
    note: '1,088 image tokens, as many as it makes of a picture in 17 tiles; random weights',
  },
  embedded: {
    title: "the embedded model's shape",
    imageTokens: config.image_seq_length,
    note: `${config.image_seq_length} image tokens in a small decoder: quick to time`,
  },
} as const;

export type BenchShape = keyof typeof benchShapes;

export interface BenchRequest {
  readonly shape: BenchShape;
  readonly precision: 'fp32' | 'int4';
  readonly device: 'webgpu' | 'wasm';
  readonly preset: 'transprune-high' | 'transprune-low';
  /** Rounds that count. */
  readonly runs: number;
  /** Address of the page's folder. */
  readonly page: string;
}

export interface BenchProgress {
  /** What is being done, in words for the user. */
  readonly doing: string;
  /** From 0 to 1. */
  readonly share: number;
}

export interface BenchWorker {
  /** @throws what a device is at fault of, in words for the user */
  bench(
    request: BenchRequest,
    onProgress: (progress: BenchProgress) => void,
  ): Promise<BenchDocument>;
}
