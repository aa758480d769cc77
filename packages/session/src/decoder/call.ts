/** What a call on a decoder runs. */
import type { HostTensor, SessionTensor } from '../backend.js';

/** What one call runs. Tensors stay the caller's. */
export interface DecoderCall {
  /** `[batch, tokens, hidden]` */
  readonly embeddings: HostTensor | SessionTensor;
  /**
   * `[batch, tokens]`, 0 at padding; all are tokens if left out. Pruned graphs know padding if they are pruned for
   * batches, others refuse it; whether an unpruned graph heeds it is up to the graph, and cannot be seen from here.
   */
  readonly valid?: ArrayLike<number> | undefined;
  /**
   * `[batch, tokens]` or, for graphs of three or four rows, `[3, batch, tokens]`, for those of four `[4, batch, tokens]`
   * too; counted from where the conversation stands: 0 is the
   * position after all that came before. One after the other if left out.
   */
  readonly positions?: ArrayLike<number> | undefined;
  /** How many last tokens get logits, where the graph lets one choose; all if left out. */
  readonly logitsToKeep?: number | undefined;
  /** Inputs of this graph's own, such as `per_layer_inputs`. */
  readonly others?: Readonly<Record<string, HostTensor | SessionTensor>> | undefined;
  /** Outputs that are wanted besides logits. */
  readonly fetch?: readonly string[] | undefined;
}

/** A call with a prompt, or a further turn. */
export interface PrefillCall extends DecoderCall {
  /** `[batch, tokens]`: the number of the image that a token belongs to, 0 at text; no image if left out. */
  readonly images?: ArrayLike<number> | undefined;
  /** `[batch, tokens]`, not 0 at tokens that are marked as the instruction; none if left out. */
  readonly instruction?: ArrayLike<number> | undefined;
  /** What each stage keeps, where the graph takes it. */
  readonly keepRatios?: readonly number[] | undefined;
}
