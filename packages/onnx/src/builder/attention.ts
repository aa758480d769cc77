/** The attention module: projections, norms of heads, rotary embedding, the attention node. */
import { pastCache, ports, presentCache } from '@transprune/core';
import type { AttributeValue } from '../graph/emitter.js';
import { type BuildContext, microsoft } from './context.js';
import type { DerivedInputs } from './derived-inputs.js';
import { emitLinear } from './linear.js';
import { emitNorm, emitScale } from './norms.js';

const parts = ['q_proj', 'k_proj', 'v_proj'] as const;

/**
 * Attention of one layer.
 *
 * @param normed `[batch, tokens, hidden]`
 * @returns the output projection, `[batch, tokens, hidden]`
 */
export function emitAttention(
  context: BuildContext,
  layer: number,
  normed: string,
  derived: DerivedInputs,
): string {
  const { config, emitter, layout } = context;
  const module = (part: string) => `model.layers.${layer}.self_attn.${part}`;
  const [query, key, value] = emitProjections(context, module, normed);
  const rotated = (x: string) =>
    layout.rotary === 'separate' ? emitRotary(context, x, derived.rotary) : x;
  const { queryKeyNorm = false } = layout.architecture;
  const isNormedInside = queryKeyNorm && layout.headNorms === 'fused';
  const normedHeads = (x: string, name: string, heads: number) =>
    queryKeyNorm && !isNormedInside ? emitHeadNorm(context, x, module(name), heads) : x;
  const headScale = (name: string) => emitScale(context, module(name), config.headDim);
  // A packed projection without key goes into the attention node as it is.
  const inputs = key
    ? [
        rotated(normedHeads(query, 'q_norm', config.heads)),
        rotated(normedHeads(key, 'k_norm', config.kvHeads)),
        value,
      ]
    : [query, '', ''];
  const mixed = `layer_${layer}/attention/mixed`;
  const past = (['key', 'value'] as const).map((kind) =>
    context.withPast ? pastCache(layer, kind) : '',
  );
  const outputs = [mixed, presentCache(layer, 'key'), presentCache(layer, 'value')];
  if (layout.attention === 'multi-head') {
    emitter.emit('MultiHeadAttention', [...inputs, '', '', derived.attentionBias, ...past], {
      domain: microsoft,
      attributes: { num_heads: config.heads, scale: scaleOf(context) },
      outputs,
    });
  } else {
    const rotary = layout.rotary === 'fused' ? derived.rotary : [];
    // Between angles and norms stand positions, a bias, sinks and scales of the cache.
    const norms = isNormedInside
      ? ['', '', '', '', '', headScale('q_norm'), headScale('k_norm')]
      : [];
    const all = [...inputs, ...past, ...derived.lengths, ...rotary, ...norms];
    emitter.emit('GroupQueryAttention', all, {
      domain: microsoft,
      attributes: {
        ...groupQueryAttributes(context, layer),
        ...(isNormedInside && { qk_norm_epsilon: { float: config.rmsNormEpsilon } }),
      },
      outputs,
    });
  }
  return emitLinear(context, mixed, [module('o_proj')], config.heads * config.headDim, [
    config.hiddenSize,
  ]);
}

/** Query, key and value; key and value are empty if the first is all three, packed. */
function emitProjections(
  context: BuildContext,
  module: (part: string) => string,
  normed: string,
): [query: string, key: string, value: string] {
  const { config, emitter, layout } = context;
  const { queryKeyNorm, biases: bias = false } = layout.architecture;
  const keySize = config.kvHeads * config.headDim;
  const sizes = [config.heads * config.headDim, keySize, keySize] as const;
  const project = (names: readonly string[], to: readonly number[]) =>
    emitLinear(context, normed, names.map(module), config.hiddenSize, to, bias);
  if (layout.projections === 'split') {
    return [
      project(['q_proj'], [sizes[0]]),
      project(['k_proj'], [sizes[1]]),
      project(['v_proj'], [sizes[2]]),
    ];
  }
  const packed = project(parts, sizes);
  const inside = layout.attention === 'group-query' && layout.rotary === 'fused' && !queryKeyNorm;
  if (inside) return [packed, '', ''];
  const split = [`${packed}/query`, `${packed}/key`, `${packed}/value`] as const;
  emitter.emit('Split', [packed, emitter.int64(sizes)], {
    attributes: { axis: -1 },
    outputs: split,
  });
  return [...split];
}

/** Norms each head: `[batch, tokens, heads * head_dim]` as `[batch, tokens * heads, head_dim]`. */
function emitHeadNorm(context: BuildContext, x: string, name: string, heads: number): string {
  const { emitter, config } = context;
  const { headDim } = config;
  const apart = emitter.emit('Reshape', [x, emitter.int64([0, -1, headDim])]);
  const normed = emitNorm(context, apart, name, headDim);
  return emitter.emit('Reshape', [normed, emitter.int64([0, -1, heads * headDim])]);
}

/** Rotates whole heads by `position_ids`. */
function emitRotary({ emitter }: BuildContext, x: string, tables: DerivedInputs['rotary']): string {
  return emitter.emit('RotaryEmbedding', [x, ports.positionIds, ...tables], {
    domain: microsoft,
    attributes: { interleaved: 0, num_heads: 0, rotary_embedding_dim: 0 },
  });
}

function groupQueryAttributes(
  context: BuildContext,
  layer: number,
): Record<string, AttributeValue> {
  const { config, layout } = context;
  const { softcap, localWindow, localLayers = 'all' } = layout.architecture;
  const local = localWindow !== undefined && (localLayers === 'all' || layer % 2 === 0);
  return {
    num_heads: config.heads,
    kv_num_heads: config.kvHeads,
    scale: scaleOf(context),
    do_rotary: layout.rotary === 'fused' ? 1 : 0,
    rotary_interleaved: 0,
    ...(softcap !== undefined && { softcap: { float: softcap } }),
    ...(local && { local_window_size: localWindow }),
  };
}

function scaleOf({ config }: BuildContext) {
  return { float: 1 / Math.sqrt(config.headDim) };
}
