/** An FFN of many experts as one operator, as ONNX Runtime GenAI's builder writes gpt-oss and Qwen3-MoE. */
import { type BuildContext, microsoft } from './context.js';
import { int4BlockSize, quantizeInt4 } from './int4.js';
import { emitLinear } from './linear.js';

/** Weights of all experts, one after the other, as inputs of the operator. */
type Matrices = readonly string[];

/**
 * A router, and the experts that it sends each token to: SwiGLU, gate and up side by side in one matrix.
 *
 * @param normed `[batch, tokens, hidden]`
 */
export function emitExperts(
  context: BuildContext,
  layer: number,
  normed: string,
  { count, perToken }: { readonly count: number; readonly perToken: number },
): string {
  const { emitter, config, layout } = context;
  const { hiddenSize, intermediateSize } = config;
  const module = `model.layers.${layer}.mlp`;
  const router = emitLinear(context, normed, [`${module}.gate`], hiddenSize, [count]);
  const rows = emitter.emit('Reshape', [router, emitter.int64([-1, count])]);
  const matrices = (part: string, from: number, to: number) =>
    expertWeights(context, `${module}.experts`, part, { count, from, to });
  const first = matrices('gate_up_proj', hiddenSize, 2 * intermediateSize);
  const last = matrices('down_proj', intermediateSize, hiddenSize);
  const attributes = {
    k: perToken,
    activation_type: 'swiglu',
    activation_alpha: { float: 1.702 },
    activation_beta: { float: 1 },
    normalize_routing_weights: 1,
    swiglu_fusion: 1,
  };
  // Between the matrices stand biases, which are left out.
  return layout.int4
    ? emitter.emit('QMoE', [normed, rows, ...first, '', ...last], {
        domain: microsoft,
        attributes: { ...attributes, expert_weight_bits: 4, block_size: int4BlockSize },
      })
    : emitter.emit('MoE', [normed, rows, ...first, '', ...last], { domain: microsoft, attributes });
}

/** Matrices of all experts, `[experts, out, in]`; of 4 bits with their scales. */
function expertWeights(
  { layout, store, weights }: BuildContext,
  experts: string,
  part: string,
  { count, from, to }: { readonly count: number; readonly from: number; readonly to: number },
): Matrices {
  const each = <T>(make: (matrix: Float32Array) => ArrayLike<T>) =>
    Array.from({ length: count }, (_, expert) =>
      Array.from(make(weights.linear([`${experts}.${expert}.${part}.weight`], from, [to]))),
    ).flat();
  const name = `${experts}.${part}.weight`;
  if (!layout.int4) {
    return [
      store.floats(name, [count, to, from], () =>
        Float32Array.from(each((matrix) => transposed(matrix, from))),
      ),
    ];
  }
  const quantized = (matrix: Float32Array) => quantizeInt4(matrix, from);
  return [
    store.bytes(`${name}_Q4`, [count, to, from / 2], () =>
      Uint8Array.from(each((matrix) => quantized(matrix).packed)),
    ),
    store.floats(`${name}_scales`, [count, to, from / int4BlockSize], () =>
      Float32Array.from(each((matrix) => quantized(matrix).scales)),
    ),
  ];
}

/** Of `[in, out]`. */
function transposed(matrix: Float32Array, rows: number): Float32Array {
  const columns = matrix.length / rows;
  return Float32Array.from(
    matrix,
    (_, at) => matrix[(at % rows) * columns + Math.floor(at / rows)] ?? 0,
  );
}
