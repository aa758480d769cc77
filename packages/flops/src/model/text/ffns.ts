/** FFNs by the decoder's fields, and the matrices beside a layer's modules. */
import { TransPruneError } from '@transprune/core';
import type { Experts } from '../../layers/experts.js';
import type { Ffn } from '../../layers/index.js';
import type { LinearSize } from '../../layers/kind.js';
import { type Fields, numberIn } from '../fields.js';
import type { ExpertFields } from './family.js';
import { firstBorrower, type TextContext } from './mixers.js';

/**
 * The FFN of a layer.
 *
 * @param layer from 0
 * @throws TransPruneError UNSUPPORTED_MODEL for experts of a family that is not known
 */
export function ffnOf(context: TextContext, layer: number, layers: number): Ffn {
  const { fields, family } = context;
  if (!family && numberIn(fields, 'num_experts') !== null) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `model_type ${JSON.stringify(fields.model_type)} is a mixture of experts that is not known here: which layers have experts and what they share is up to its class`,
      { field: 'num_experts' },
    );
  }
  if (family?.experts && isSparse(family.experts, fields, layer)) {
    return expertsOf(context, family.experts);
  }
  return {
    kind: 'mlp',
    width: widthOf(context, layer, layers),
    matrices: family?.mlpMatrices ?? 3,
  };
}

/** A list that names each FFN, as newer files have it; or else the family's rule. */
function isSparse({ sparse }: ExpertFields, fields: Fields, layer: number): boolean {
  const { mlp_layer_types } = fields;
  if (Array.isArray(mlp_layer_types)) return mlp_layer_types[layer] === 'sparse';
  return sparse?.(fields, layer) ?? true;
}

function expertsOf({ fields, size }: TextContext, names: ExpertFields): Experts {
  const shared = names.sharedWidth?.(fields);
  return {
    kind: 'experts',
    experts: size('num_experts'),
    perToken: size('num_experts_per_tok'),
    width: size(names.width),
    sharedWidth: typeof shared === 'number' && shared > 0 ? shared : 0,
    sharedGate: names.sharedGate === true,
  };
}

/** One width for all layers, or one for each (Gemma 3n); twice as wide where Gemma 4 borrows keys. */
function widthOf({ fields, size }: TextContext, layer: number, layers: number): number {
  const { intermediate_size, use_double_wide_mlp } = fields;
  const own = Array.isArray(intermediate_size)
    ? size('intermediate_size', { intermediate_size: intermediate_size[layer] })
    : size('intermediate_size');
  return use_double_wide_mlp === true && layer >= firstBorrower(fields, layers) ? 2 * own : own;
}

/** Matrices beside the two modules, and at both ends of the decoder. */
export interface Extras {
  readonly beside: readonly LinearSize[];
  readonly entry: readonly LinearSize[];
  readonly exit: readonly LinearSize[];
}

/**
 * Per-layer inputs (Gemma 3n and 4): a gate and a way back in each layer, and one projection of the
 * embeddings for all layers at once. LAuReL and AltUp (Gemma 3n): a low-rank way around the attention,
 * and several streams that are predicted and corrected around each layer.
 *
 * Source: Gemma3nTextDecoderLayer, Gemma3nTextAltUp, Gemma4TextDecoderLayer in `transformers`.
 */
export function extrasOf({ fields, size }: TextContext, layers: number): Extras {
  const hidden = size('hidden_size');
  const perLayer = numberIn(fields, 'hidden_size_per_layer_input') ?? 0;
  const laurel = numberIn(fields, 'laurel_rank') ?? 0;
  const streams = numberIn(fields, 'altup_num_inputs') ?? 0;
  const matrix = (inputs: number, outputs: number): LinearSize => ({ inputs, outputs });
  const otherStreams = Array.from({ length: Math.max(0, streams - 1) }, () =>
    matrix(hidden, hidden),
  );
  return {
    beside: [
      ...(perLayer > 0 ? [matrix(hidden, perLayer), matrix(perLayer, hidden)] : []),
      ...(laurel > 0 ? [matrix(hidden, laurel), matrix(laurel, hidden)] : []),
      // The router twice, its coefficients, and the streams times the coefficients.
      ...(streams > 0
        ? [
            matrix(hidden, streams),
            matrix(hidden, streams),
            matrix(streams, streams ** 2),
            matrix(streams, streams),
            matrix(hidden, streams ** 2),
          ]
        : []),
    ],
    entry: [...(perLayer > 0 ? [matrix(hidden, layers * perLayer)] : []), ...otherStreams],
    exit: otherStreams,
  };
}
