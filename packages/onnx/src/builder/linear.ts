/** Linear maps: MatMul, or MatMulNBits over weights of 4 bits. */
import { type BuildContext, microsoft } from './context.js';
import { type Int4Matrix, int4BlockSize, quantizeInt4 } from './int4.js';

/**
 * Maps a value by the weights of one module, or of several side by side.
 *
 * @param modules names without `.weight`
 * @param input `[batch, tokens, inFeatures]`
 * @param bias whether to add the modules' `.bias` as well
 * @returns `[batch, tokens, sum(outFeatures)]`
 */
export function emitLinear(
  context: BuildContext,
  input: string,
  modules: readonly string[],
  inFeatures: number,
  outFeatures: readonly number[],
  bias = false,
): string {
  const { emitter, store, weights, layout } = context;
  const columns = outFeatures.reduce((sum, size) => sum + size, 0);
  const names = modules.map((module) => `${module}.weight`);
  const name = names.join('+');
  const values = () => weights.linear(names, inFeatures, outFeatures);
  const product = layout.int4
    ? emitter.emit(
        'MatMulNBits',
        [input, ...int4Weights(context, name, inFeatures, columns, values)],
        {
          domain: microsoft,
          attributes: { K: inFeatures, N: columns, bits: 4, block_size: int4BlockSize },
        },
      )
    : emitter.emit('MatMul', [input, store.floats(name, [inFeatures, columns], values)]);
  if (!bias) return product;
  const biases = modules.map((module) => `${module}.bias`);
  const constant = store.floats(biases.join('+'), [columns], () =>
    Float32Array.from(
      biases.flatMap((name, i) => Array.from(weights.vector(name, outFeatures[i] ?? 0))),
    ),
  );
  return emitter.emit('Add', [product, constant]);
}

/** Numbers and scales of a quantized matrix; both come from one look at the weights. */
function int4Weights(
  { store }: BuildContext,
  name: string,
  inFeatures: number,
  columns: number,
  values: () => Float32Array,
): string[] {
  let matrix: Int4Matrix | undefined;
  const quantized = () => {
    matrix ??= quantizeInt4(values(), inFeatures);
    return matrix;
  };
  const blocks = Math.ceil(inFeatures / int4BlockSize);
  return [
    store.bytes(`${name}_Q4`, [columns, blocks, int4BlockSize / 2], () => quantized().packed),
    store.floats(`${name}_scales`, [columns, blocks], () => quantized().scales),
  ];
}
