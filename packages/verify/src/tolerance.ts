import { type Decoder, type OnnxModel, TensorProto_DataType } from '@transprune/onnx';

/** What weights, or the values between them, are held in. */
export type Precision = 'float32' | 'float16' | 'int4' | 'int8';

const { INT4, INT8, UINT4, UINT8 } = TensorProto_DataType;

/** The coarsest precision that a graph computes in, or holds weights in. */
export function precisionOf({ graph }: OnnxModel, { reducedPrecision }: Decoder): Precision {
  const outer = graph?.node ?? [];
  const branches = outer.flatMap(({ attribute }) => attribute.flatMap(({ g }) => g ?? []));
  const nodes = [...outer, ...branches.flatMap(({ node }) => node)];
  const operators = new Set(nodes.map(({ opType }) => opType));
  if (operators.has('DynamicQuantizeLinear')) return 'int8';
  const constants = [graph, ...branches].flatMap((own) => own?.initializer ?? []);
  const types = new Map(constants.map(({ name, dataType }) => [name, dataType]));
  const dequantized = new Set(
    nodes.flatMap(({ opType, input: [weight = ''] }) =>
      opType === 'DequantizeLinear' ? (types.get(weight) ?? []) : [],
    ),
  );
  if (dequantized.has(INT8) || dequantized.has(UINT8)) return 'int8';
  const hasInt4 = dequantized.has(INT4) || dequantized.has(UINT4);
  if (operators.has('MatMulNBits') || hasInt4) return 'int4';
  return reducedPrecision ? 'float16' : 'float32';
}

/** Largest differences that pass, relative to the largest value. */
export interface Tolerances {
  /** Logits of graphs that run the same calls. */
  readonly logits: number;
  /** Logits of the same tokens in other calls: one by one and together, alone and in a batch. */
  readonly otherCalls: number;
  /** Scores, and by how much a choice may miss the best: both sides compute on the same float32 values. */
  readonly score: number;
  /** Attention's own outputs against those of the score. */
  readonly attention: number;
}

/**
 * Measured on a CPU, over the exported decoders of the tests, the largest differences are: float32 1e-6
 * everywhere; float16 1.3e-3 (logits of the same calls, where ONNX Runtime fuses other nodes), 3e-4
 * (attention); int4 1e-6, as weights alone are quantized; int8 0 for the same calls. The rest is room
 * for deeper decoders and for GPUs, whose float32 products may have 10 bits (TF32).
 */
const measured: Readonly<Record<Precision, Omit<Tolerances, 'otherCalls'>>> = {
  float32: { logits: 1e-3, score: 1e-4, attention: 1e-3 },
  float16: { logits: 2e-2, score: 1e-4, attention: 1e-2 },
  int4: { logits: 1e-2, score: 1e-4, attention: 1e-3 },
  int8: { logits: 1e-2, score: 1e-4, attention: 1e-3 },
};

/** Over what the original itself is off; after prunes int8 was seen 2 times as far off. */
const spreadFactor = 4;

/**
 * What nothing may be off by, however far the original is: beyond it two graphs cannot be told apart. int8 of
 * whole tensors was seen at 0.16.
 */
const caps: Readonly<Record<Precision, number>> = {
  float32: 5e-2,
  float16: 1e-1,
  int4: 1e-1,
  int8: 3e-1,
};

/**
 * @param spread how far the original's logits are apart between calls: int8 takes one quantization step
 *   for a whole tensor, so that a prompt and single tokens differ by some percent
 */
export function tolerancesFor(precision: Precision, spread: number): Tolerances {
  const fixed = measured[precision];
  const otherCalls = Math.max(fixed.logits, spreadFactor * spread);
  return { ...fixed, otherCalls: Math.min(otherCalls, caps[precision]) };
}

/** True if the original is so far off between calls that what is compared across calls says nothing. */
export function isComparable(precision: Precision, spread: number): boolean {
  return spreadFactor * spread <= caps[precision];
}
