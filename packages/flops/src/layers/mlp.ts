/** The plain or gated MLP. */
import type { FfnKind } from './kind.js';

export interface Mlp {
  readonly kind: 'mlp';
  readonly width: number;
  /** Gate, up and down; or up and down alone (Phi, Falcon). */
  readonly matrices: 2 | 3;
}

export const mlp: FfnKind<Mlp> = {
  weights: ({ width, matrices }, hiddenSize) => matrices * hiddenSize * width,
  width: ({ width }) => width,
};
