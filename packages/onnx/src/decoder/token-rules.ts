/** What operators do to the axis of the tokens, one rule for each kind of operator. */
import {
  attribute,
  constantIntegers,
  inputAt,
  integerAttribute,
  integersOf,
} from '../graph/graph.js';
import { mixtureOfExperts } from './experts.js';
import { broadcast, type Size } from './sizes-of.js';
import { filledSizes, scatter } from './token-scatter.js';
import {
  concat,
  expand,
  flatten,
  gather,
  gatherND,
  onlyTokens,
  reshape,
  slice,
  split,
  squeeze,
  tile,
  transpose,
  unsqueeze,
  without,
} from './token-shapes.js';
import {
  type AxisRule,
  type AxisSite,
  fromFront,
  isAlike,
  leaveRows,
  rowAxis,
  type Tokens,
} from './token-types.js';

/** Tokens with sizes of another rank, their axis counted from the end. */
const inRank = (tokens: Tokens, dims: readonly Size[]): Tokens => ({
  ...tokens,
  dims,
  axis: tokens.axis - tokens.dims.length + dims.length,
});

/** The axis of the rows of a batch, counted from the end; 0 where they lie along that of the tokens. */
const rowsFromEnd = (tokens: Tokens) => {
  const axis = rowAxis(tokens);
  return axis < 0 ? 0 : axis - tokens.dims.length;
};

/** Each number of the output is made of the numbers at its place: axes are counted from the end. */
function atSamePlace(site: AxisSite): Tokens {
  const { node } = site;
  const operands = node.input.flatMap((_, index) => site.tokens(index) ?? []);
  const [first, ...others] = operands;
  if (!first) return site.refuse(`${node.opType} of no tokens`);
  const outside = (tokens: Tokens) => tokens.dims.length - tokens.axis;
  const stranger = others.find(
    (other) => outside(other) !== outside(first) || !isAlike(other, first),
  );
  if (stranger) return site.refuse(`${node.opType} of tokens along different axes`);
  // Places that are counted are the same for all rows.
  const rows = operands.map(rowsFromEnd).filter((axis) => axis < 0);
  if (new Set(rows).size > 1) {
    return site.refuse(`${node.opType} of rows of a batch along different axes`);
  }
  const constants = node.input.flatMap((_, index) =>
    site.tokens(index) ? [] : [site.sizes(index) ?? []],
  );
  for (const sizes of constants) {
    const own = sizes.length < outside(first) ? 1 : sizes.at(-outside(first));
    if (typeof own === 'number' && own > 1) {
      return site.refuse(`${node.opType} with a constant for each of ${own} tokens`);
    }
    const [axis = 0] = rows;
    const row = axis < 0 && sizes.length >= -axis ? sizes.at(axis) : 1;
    if (typeof row === 'number' && row > 1) {
      return site.refuse(`${node.opType} with a constant for each of ${row} rows of a batch`);
    }
  }
  const all = [...others.map(({ dims }) => dims), ...constants];
  return inRank(first, all.reduce(broadcast, first.dims));
}

/** Operators whose numbers are made of the numbers at the same place. */
export const elementwise: AxisRule = (site) => [atSamePlace(site)];

/** Quantizes by one scale for all tokens: the exporter's approximation, and no way to mix them. */
const quantize: AxisRule = (site) => [atSamePlace(site), 'one', 'one'];

/** As the first input, with other features. */
const withFeatures = (tokens: Tokens, features: Size): Tokens => ({
  ...tokens,
  dims: [...tokens.dims.slice(0, -1), features],
});

/** A product of what each token has of two values: tokens lie before the last two axes of both. */
function ofEach(site: AxisSite): Tokens {
  const { node } = site;
  const [a, b] = [operand(site, 0), operand(site, 1)];
  const outside = (tokens: Tokens) => tokens.dims.length - tokens.axis;
  const isProduct = node.opType === 'MatMul' || node.opType === 'FusedMatMul';
  const isApart =
    a &&
    b &&
    outside(a) > 2 &&
    outside(a) === outside(b) &&
    a.dims.length === b.dims.length &&
    isAlike(a, b);
  if (!isApart || !isProduct) return site.refuse(`${node.opType} of tokens and tokens`);
  if (rowAxis(a) !== rowAxis(b) || rowAxis(a) > a.dims.length - 3) {
    return site.refuse(`${node.opType} of rows of a batch along different axes`);
  }
  return { ...a, dims: [...a.dims.slice(0, -1), b.dims.at(-1)] };
}

/**
 * An operand of a product as it is multiplied. `FusedMatMul` may take its first axis to the last but one before
 * (`transBatchA`), and exchange the last two (`transA`).
 */
function operand(site: AxisSite, index: 0 | 1): Tokens | undefined {
  const tokens = site.tokens(index);
  const side = index === 0 ? 'A' : 'B';
  const isSet = (name: string) => integerAttribute(site.node, `${name}${side}`, 0) !== 0;
  if (!tokens || tokens.dims.length < 2) return tokens;
  const [first, ...others] = tokens.dims.map((size, axis) => ({ size, axis }));
  const last = others.pop();
  const moved = isSet('transBatch') ? [...others, first, last] : [first, ...others, last];
  const ordered = isSet('trans') ? [...moved.slice(0, -2), ...moved.slice(-2).reverse()] : moved;
  return {
    ...tokens,
    dims: ordered.map((own) => own?.size),
    axis: ordered.findIndex((own) => own?.axis === tokens.axis),
  };
}

/** A product with a weight: over the features, which have to be the last axis, or where the weight comes first the last but one. */
const product: AxisRule = (site) => {
  const { node } = site;
  if (site.tokens(0) && site.tokens(1)) return [ofEach(site)];
  if (site.tokens(1)) return [afterWeight(site)];
  const tokens = onlyTokens(site);
  if (tokens.axis >= tokens.dims.length - 1) return site.refuse(`${node.opType} over the tokens`);
  leaveRows(site, tokens, [tokens.dims.length - 1]);
  const turn = ['transA', 'transBatchA'].find((name) => integerAttribute(node, name, 0) !== 0);
  if (turn) return site.refuse(`${turn} = 1`);
  const weight = site.sizes(1);
  if (!site.isConstant(1)) return site.refuse(`${node.opType} with a value that is no weight`);
  const [rows, columns] = weight?.slice(-2) ?? [];
  const width = attribute(node, 'N') ? integerAttribute(node, 'N', 0) : columns;
  const isTransposed = integerAttribute(node, 'transB', 0) !== 0;
  return [withFeatures(tokens, isTransposed ? rows : width)];
};

/** A weight `[..., out, in]` with tokens `[..., in, tokens]`: one matrix for all of them. */
function afterWeight(site: AxisSite): Tokens {
  const { node } = site;
  const [weight, tokens] = [site.sizes(0), onlyTokens(site, 1)];
  const { dims, axis } = tokens;
  if (node.opType !== 'MatMul' || !site.isConstant(0) || !weight || weight.length < 2) {
    return site.refuse(`${node.opType} with a value that is no weight`);
  }
  if (axis !== dims.length - 1 || dims.length < 2) {
    return site.refuse(`${node.opType} over the tokens`);
  }
  leaveRows(site, tokens, [dims.length - 2]);
  const before = broadcast(dims.slice(0, -2), weight.slice(0, -2));
  return inRank(tokens, [...before, weight.at(-2), dims.at(-1)]);
}

/** A norm over its last axes, and the sum before it, if the node makes one. */
const norm: AxisRule = (site) => {
  const tokens = ofFirst(site, site.node.opType.startsWith('Skip') ? 2 : 1);
  const axis = fromFront(integerAttribute(site.node, 'axis', -1), tokens.dims.length);
  if (axis <= tokens.axis) return site.refuse(`${site.node.opType} over the tokens`);
  leaveRows(site, tokens, [...tokens.dims.keys()].slice(axis));
  return [tokens];
};

/** The first inputs only, as if the others were not there. */
function ofFirst(site: AxisSite, count: number): Tokens {
  const isTaken = (index: number) => index < count;
  if (site.node.input.some((_, index) => !isTaken(index) && site.tokens(index))) {
    return site.refuse(`${site.node.opType} with weights that are tokens`);
  }
  return atSamePlace({
    ...site,
    sizes: (index) => (isTaken(index) ? site.sizes(index) : undefined),
  });
}

/** Takes numbers together along axes that are not the tokens'. */
const reduction: AxisRule = (site) => {
  const { node } = site;
  const tokens = onlyTokens(site);
  const rank = tokens.dims.length;
  const axes = integersOf(site, 'axes', 1)?.map((axis) => fromFront(axis, rank));
  if (!axes || axes.length === 0 || axes.includes(tokens.axis)) {
    return site.refuse(`${node.opType} over the tokens`);
  }
  leaveRows(site, tokens, axes);
  if (integerAttribute(node, 'keepdims', 1) !== 0) {
    const dims = tokens.dims.map((size, axis) => (axes.includes(axis) ? 1 : size));
    return [{ ...tokens, dims }];
  }
  return [without(tokens, axes)];
};

/** Works along one axis, which must not be the tokens'. */
const along =
  (fallback: number, size: 'kept' | 'unknown' = 'kept'): AxisRule<Tokens> =>
  (site) => {
    const { node } = site;
    const tokens = onlyTokens(site);
    const axis = fromFront(integerAttribute(node, 'axis', fallback), tokens.dims.length);
    if (axis === tokens.axis) return site.refuse(`${node.opType} over the tokens`);
    leaveRows(site, tokens, [axis]);
    if (size === 'kept') return [tokens];
    return [{ ...tokens, dims: tokens.dims.map((own, at) => (at === axis ? undefined : own)) }];
  };

/** The best of each token's features. */
const topK: AxisRule = (site) => {
  const [tokens] = along(-1)(site);
  if (!tokens) return site.refuse('TopK of no tokens');
  const axis = fromFront(integerAttribute(site.node, 'axis', -1), tokens.dims.length);
  const [count] = constantIntegers(site.graph, inputAt(site.node, 1) ?? '') ?? [];
  return [{ ...tokens, dims: tokens.dims.map((size, at) => (at === axis ? count : size)) }];
};

/** The place of the best of each token's features. */
const argument: AxisRule = (site) => {
  const [tokens] = along(0)(site);
  if (!tokens) return site.refuse(`${site.node.opType} of no tokens`);
  const axis = fromFront(integerAttribute(site.node, 'axis', 0), tokens.dims.length);
  if (integerAttribute(site.node, 'keepdims', 1) === 0) return [without(tokens, [axis])];
  return [{ ...tokens, dims: tokens.dims.map((size, at) => (at === axis ? 1 : size)) }];
};

/** Takes, or replaces, some of each token's features, by indices of the token's own. */
const byOwnIndices: AxisRule = (site) => {
  const { node } = site;
  const [values, indices] = [site.tokens(0), site.tokens(1)];
  const takes = node.opType === 'GatherElements';
  if (takes && indices && !values) return [lookUpElements(site, indices)];
  if (!indices) {
    return site.refuse(`${node.opType} by indices that are not each token's own`);
  }
  const rank = indices.dims.length;
  const axis = fromFront(integerAttribute(node, 'axis', 0), rank);
  if (axis === indices.axis) return site.refuse(`${node.opType} along the tokens`);
  leaveRows(site, indices, [axis]);
  // Of the same rank, and at the same place of each token.
  const joined = atSamePlace(site);
  if (joined.dims.length !== rank) return site.refuse(`${node.opType} of another rank`);
  if (takes) return [indices];
  if (values) return [values];
  // Of a value that is filled, as large as another.
  const sizes = filledSizes(site, inputAt(node, 0) ?? '');
  return [{ ...indices, dims: indices.dims.with(axis, sizes?.[axis]) }];
};

/** What each token looks up in a table of weights, features at the same place, by indices of its own. */
function lookUpElements(site: AxisSite, indices: Tokens): Tokens {
  const { node } = site;
  const rank = indices.dims.length;
  const axis = fromFront(integerAttribute(node, 'axis', 0), rank);
  if (!site.isConstant(0) || site.sizes(0)?.length !== rank) {
    return site.refuse(`${node.opType} from a table that is none of weights`);
  }
  // Along another axis each token would find the row of its place.
  return axis === indices.axis ? indices : site.refuse(`${node.opType} by places of tokens`);
}

/** Replaces some of each token's features: at places that are the same for all tokens, or each told its own. */
const scatterND: AxisRule = (site) => {
  const { graph, node } = site;
  const [data, indices, updates] = [site.tokens(0), site.tokens(1), site.tokens(2)];
  if (!indices && !site.isConstant(1)) return scatter(site);
  const stop = () => site.refuse(`${node.opType} at places that may be those of other tokens`);
  if (!data || !updates || data.places || updates.places || !isAlike(data, updates)) {
    return stop();
  }
  if (!indices) {
    const sizes = site.isConstant(1) ? site.sizes(1) : undefined;
    const depth = sizes?.at(-1);
    if (!sizes || typeof depth !== 'number' || data.axis < depth) return stop();
    leaveRows(
      site,
      data,
      Array.from({ length: depth }, (_, axis) => axis),
    );
    return updates.axis - (sizes.length - 1) === data.axis - depth ? [data] : stop();
  }
  // As exporters write x[..., a:b] = y: an index of each axis, each for all places, side by side.
  const join = graph.producer.get(inputAt(node, 1) ?? '');
  const parts = join?.opType === 'Concat' ? join.input.map(site.tokensOf) : [];
  const own = parts[data.axis];
  const isApart =
    own?.isPlace === true &&
    indices.dims.at(-1) === parts.length &&
    parts.every((part) => part?.dims.at(-1) === 1) &&
    indices.axis < indices.dims.length - 1 &&
    indices.axis === own.axis &&
    updates.axis === own.axis;
  return isApart ? [data] : stop();
};

const rotary: AxisRule = (site) => {
  const tokens = ofFirst(site, 1);
  if (integerAttribute(site.node, 'is_packed_batching', 0) !== 0) {
    return site.refuse('RotaryEmbedding of packed rows');
  }
  return [tokens];
};

const sequence: AxisRule = (site) => {
  const [tokens] = along(0, 'unknown')(site);
  if (!tokens) return site.refuse('SplitToSequence of no tokens');
  if (integerAttribute(site.node, 'keepdims', 1) !== 0 || inputAt(site.node, 1)) return [tokens];
  const axis = fromFront(integerAttribute(site.node, 'axis', 0), tokens.dims.length);
  return [without(tokens, [axis])];
};

/** Operators of the standard domain, by their rule. */
const standard: readonly (readonly [AxisRule, string])[] = [
  [
    elementwise,
    'Abs Add And Cast CastLike Ceil Clip Cos Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Min Mod Mul Neg Not Or Pow Reciprocal Relu Round Selu Sigmoid Sign Sin Softplus Softsign Sqrt Sub Sum Swish Tanh ThresholdedRelu Where Xor',
  ],
  [quantize, 'DynamicQuantizeLinear'],
  [(site) => [ofFirst(site, 1)], 'Dropout SequenceAt'],
  [product, 'MatMul MatMulInteger Gemm'],
  [norm, 'LayerNormalization RMSNormalization SimplifiedLayerNormalization LpNormalization'],
  [
    reduction,
    'ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare',
  ],
  [along(-1), 'Softmax LogSoftmax Hardmax'],
  [topK, 'TopK'],
  [argument, 'ArgMax ArgMin'],
  [byOwnIndices, 'GatherElements ScatterElements'],
  [scatterND, 'ScatterND'],
  [sequence, 'SplitToSequence'],
  [transpose, 'Transpose'],
  [unsqueeze, 'Unsqueeze'],
  [squeeze, 'Squeeze'],
  [slice, 'Slice'],
  [gather, 'Gather'],
  [gatherND, 'GatherND'],
  [concat, 'Concat'],
  [split, 'Split'],
  [expand, 'Expand'],
  [reshape, 'Reshape'],
  [flatten, 'Flatten'],
  [tile, 'Tile'],
  [rotary, 'RotaryEmbedding'],
];

/** Operators of ONNX Runtime's own domain, by their rule. */
const microsoft: readonly (readonly [AxisRule, string])[] = [
  [elementwise, 'BiasGelu FastGelu Gelu QuickGelu'],
  [product, 'MatMulNBits DynamicQuantizeMatMul FusedMatMul'],
  [norm, 'SkipLayerNormalization SkipSimplifiedLayerNormalization SimplifiedLayerNormalization'],
  [rotary, 'RotaryEmbedding'],
  [mixtureOfExperts, 'MoE QMoE'],
];

const under = (domain: string, rules: readonly (readonly [AxisRule, string])[]) =>
  rules.flatMap(([rule, operators]) =>
    operators.split(' ').map((operator) => [`${domain}:${operator}`, rule] as const),
  );

/** The rule of each operator that leaves tokens apart, by domain and name. */
export const axisRules: ReadonlyMap<string, AxisRule> = new Map([
  ...under('', standard),
  ...under('ai.onnx', standard),
  ...under('com.microsoft', microsoft),
]);
