/**
 * `com.microsoft.GroupQueryAttention`, with rotary embedding inside the node or in front of it: ONNX
 * Runtime GenAI's builder, ONNX Runtime's transformer optimizer, most browser exports.
 *
 * Inputs: 0 query or packed query-key-value, 1 key, 2 value, 3 past key, 4 past value, 5 seqlens_k,
 * 6 total_sequence_length, 7 cos_cache, 8 sin_cache, 9 position_ids, 10 attention_bias.
 */
import {
  constantShape,
  floatAttribute,
  inputAt,
  integerAttribute,
  valueShape,
} from '../../graph/graph.js';
import type { FusedRotary, Heads } from '../decoder.js';
import { linearInto } from '../linear.js';
import { refuse } from '../refuse.js';
import type { AttentionFamily } from './family.js';
import { pathTo } from './path.js';

export const groupQueryAttention: AttentionFamily = {
  name: 'group-query-attention',
  read(graph, { where, cache, presentKeyNode: node }) {
    if (node.opType !== 'GroupQueryAttention') return undefined;
    const demand = (expected: string, found: string | undefined, holds: boolean) => {
      if (!holds) refuse({ where, expected, found: found ?? 'none', node });
    };
    const [query = '', key, value] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
    demand('key and value both packed or both separate', `${key}, ${value}`, !key === !value);
    const interleaved = integerAttribute(node, 'rotary_interleaved', 0);
    demand('half-split rotary (rotary_interleaved = 0)', `${interleaved}`, interleaved === 0);
    const smooth = integerAttribute(node, 'smooth_softmax', 0);
    demand('a plain softmax', `smooth_softmax = ${smooth}`, smooth === 0);
    const positions = inputAt(node, 9);
    demand('positions from the cache length', `position_ids ${positions}`, positions === undefined);
    const further = node.input.slice(11).find((name) => name !== '');
    demand('no inputs behind attention_bias', further, further === undefined);

    const heads = integerAttribute(node, 'num_heads', 0);
    const kvHeads = integerAttribute(node, 'kv_num_heads', 0);
    const fusedRotary = readRotary();
    const headDim = readHeadDim();
    const parts = { queries: heads * headDim, keys: kvHeads * headDim };
    const queries: Heads = { value: query, layout: 'flat' };
    const keys: Heads = { value: key ?? query, layout: 'flat' };
    const softcap = floatAttribute(node, 'softcap', 0);
    const window = integerAttribute(node, 'local_window_size', -1);
    return {
      family: 'group-query-attention',
      node,
      queries: key ? queries : { ...queries, columns: [0, parts.queries] },
      keys: key ? keys : { ...keys, columns: [parts.queries, parts.queries + parts.keys] },
      values: value ?? query,
      fusedRotary,
      angles: [
        ...pathTo(graph, query, where).angles,
        ...(key ? pathTo(graph, key, where).angles : []),
      ],
      shape: {
        heads,
        kvHeads,
        headDim,
        // A scale of 0 stands for the operator's default.
        scale: floatAttribute(node, 'scale', 0) || 1 / Math.sqrt(headDim),
        ...(softcap !== 0 && { softcap }),
      },
      window: window > 0 ? window : undefined,
      sideInputs: [5, 6, 10].flatMap((i) => inputAt(node, i) ?? []),
    };

    function readRotary(): FusedRotary | undefined {
      if (integerAttribute(node, 'do_rotary', 0) === 0) return undefined;
      const [cos, sin] = [inputAt(node, 7), inputAt(node, 8)];
      const half = cos ? constantShape(graph, cos)?.[1] : undefined;
      if (!cos || !sin || half === undefined) {
        return refuse({
          where,
          expected: 'constant cos and sin caches',
          found: cos ?? 'none',
          node,
        });
      }
      return { cos, sin, rotated: 2 * half };
    }

    function readHeadDim(): number {
      const declared = valueShape(graph.input.get(cache.pastKey ?? ''))[3];
      if (typeof declared === 'number') return declared;
      const features = linearInto(graph, query)?.outFeatures;
      const total = key ? heads : heads + 2 * kvHeads;
      return features && total ? features / total : (fusedRotary?.rotated ?? 0);
    }
  },
};
