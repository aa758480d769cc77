/** What passes between the server and the process that decodes pictures. */
import type { Pixels } from '@transprune/vlm';

export interface DecodeRequest {
  readonly id: number;
  /** A file. */
  readonly bytes: Uint8Array;
  /** Largest picture that is decoded. */
  readonly pixels: number;
}

/** Pixels, or why there are none. */
export type Decoded = { readonly pixels: Pixels } | { readonly fault: string };

export type DecodeReply = Decoded & { readonly id: number };
