/**
 * What operators do to tokens, as far as reading a decoder asks. Each trait stands here once; a list for one
 * place in a decoder is made of them.
 */

/** Each number of the output is made of the same number of the inputs. */
const elementwise = [
  'Add',
  'Cast',
  'Div',
  'Identity',
  'Mul',
  'Neg',
  'Pow',
  'Reciprocal',
  'Sqrt',
  'Sub',
] as const;

/** Norms over the last axis, as one operator. */
export const fusedNorms: ReadonlySet<string> = new Set([
  'LayerNormalization',
  'LpNormalization',
  'RMSNormalization',
  'SimplifiedLayerNormalization',
]);

/** Adds to the residual stream and norms the sum. */
export const fusedJoins: ReadonlySet<string> = new Set([
  'SkipLayerNormalization',
  'SkipSimplifiedLayerNormalization',
]);

/** Products of tokens with weights, as one operator, and the integer product of a spelled-out one. */
export const products: ReadonlySet<string> = new Set([
  'DynamicQuantizeMatMul',
  'FusedMatMul',
  'MatMul',
  'MatMulInteger',
  'MatMulNBits',
]);

/** Gives each number somewhere else, or more than once, and changes none. */
const rearranging = [
  'Concat',
  'Expand',
  'Gather',
  'Reshape',
  'SequenceAt',
  'Slice',
  'Split',
  'SplitToSequence',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
] as const;

/** What a norm over the last axis is made of, fused or spelled out; `ReduceMean` has to be over that axis. */
export const normOperators: ReadonlySet<string> = new Set([
  ...elementwise,
  ...fusedNorms,
  'ReduceMean',
]);

/** What may lie between a projection and attention: each token's numbers stay its own. */
export const pathOperators: ReadonlySet<string> = new Set([
  ...normOperators,
  ...rearranging,
  'RotaryEmbedding',
  'ScatterND',
]);

/** Of `[batch, tokens, features]` they make `[batch, tokens, other features]`. */
export const tokenwise: ReadonlySet<string> = new Set([
  ...elementwise,
  ...fusedNorms,
  ...fusedJoins,
  ...products,
]);

/** Only copies, rearranges or scales keys on their way to the queries. */
export const carriers: ReadonlySet<string> = new Set([
  'Cast',
  'Div',
  'Expand',
  'Identity',
  'Mul',
  'Reshape',
  'Squeeze',
  'Tile',
  'Transpose',
  'Unsqueeze',
]);

/** May lie between the product of queries and keys and the mask: a scale, a soft cap. */
export const logitOperators: ReadonlySet<string> = new Set(['Cast', 'Div', 'Mul', 'Tanh']);

/** Compares indices in a mask. */
export const comparisons: ReadonlySet<string> = new Set([
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
]);

/** Sends tokens to experts, or chooses them. */
export const routingOperators: ReadonlySet<string> = new Set(['MoE', 'QMoE', 'TopK']);

/** Changes nothing of an index but its type and shape. */
export const indexCarriers: ReadonlySet<string> = new Set([
  'Cast',
  'Expand',
  'Identity',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
]);

/** Holds graphs of its own, which the passes do not look into. */
export const controlFlow: ReadonlySet<string> = new Set(['If', 'Loop', 'Scan']);
