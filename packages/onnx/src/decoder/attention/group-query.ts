/**
 * `com.microsoft.GroupQueryAttention` with rotary inside the node: ONNX Runtime GenAI's builder, ONNX
 * Runtime's transformer optimizer, most browser exports.
 *
 * Inputs: 0 query or packed query-key-value, 1 key, 2 value, 3 past key, 4 past value, 5 seqlens_k,
 * 6 total_sequence_length, 7 cos_cache, 8 sin_cache, then optional ones.
 */
import { floatAttribute, inputAt, integerAttribute, outputAt } from '../../graph/graph.js';
import type { Projections } from '../decoder.js';
import { refuse } from '../refuse.js';
import type { AttentionFamily } from './family.js';

const firstOptionalInput = 9;

export const groupQueryAttention: AttentionFamily = {
  name: 'group-query-attention',
  matches: (node) => node.opType === 'GroupQueryAttention' && node.domain === 'com.microsoft',
  read(graph, node, where) {
    const demand = (expected: string, found: string | undefined, holds: boolean) => {
      if (!holds) refuse({ where, expected, found: found ?? 'none', node });
    };
    const [query, key, value] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
    const [cos, sin] = [inputAt(node, 7), inputAt(node, 8)];
    const [output, presentKey, presentValue] = [0, 1, 2].map((i) => outputAt(node, i));
    if (!query || !output || !presentKey || !presentValue || !key !== !value) {
      return refuse({
        where,
        expected: 'query, key and value, packed or separate, and a present cache',
        found: 'some left out',
        node,
      });
    }
    const doRotary = integerAttribute(node, 'do_rotary', 0);
    if (doRotary !== 1 || !cos || !sin) {
      return refuse({
        where,
        expected: 'rotary embedding inside GroupQueryAttention (do_rotary = 1, cos and sin caches)',
        found: `do_rotary = ${doRotary}`,
        node,
      });
    }
    const interleaved = integerAttribute(node, 'rotary_interleaved', 0);
    demand('half-split rotary (rotary_interleaved = 0)', `${interleaved}`, interleaved === 0);
    const softcap = floatAttribute(node, 'softcap', 0);
    demand('attention without soft cap', `softcap = ${softcap}`, softcap === 0);
    const window = integerAttribute(node, 'local_window_size', -1);
    demand('attention over all tokens', `local_window_size = ${window}`, window === -1);
    const optional = node.input.slice(firstOptionalInput).find((name) => name !== '');
    demand('no inputs behind sin_cache', optional, optional === undefined);

    const table = graph.initializer.get(cos);
    demand('cos_cache as a constant', cos, table !== undefined);
    const rotaryDim = 2 * Number(table?.dims[1] ?? 0n);
    const heads = integerAttribute(node, 'num_heads', 0);
    const kvHeads = integerAttribute(node, 'kv_num_heads', 0);
    const headDim = rotaryDim;
    // A scale of 0 stands for the operator's default.
    const scale = floatAttribute(node, 'scale', 0) || 1 / Math.sqrt(headDim);
    const projections: Projections =
      key && value ? { kind: 'split', query, key, value } : { kind: 'packed', value: query };
    return {
      projections,
      output,
      presentKey,
      presentValue,
      sideInputs: [5, 6].flatMap((i) => inputAt(node, i) ?? []),
      rotary: { cos, sin },
      shape: { heads, kvHeads, headDim, scale },
    };
  },
};
