/** What operators that move or rearrange numbers do to the axis of the tokens. */
import {
  attribute,
  constantIntegers,
  inputAt,
  integerAttribute,
  integersOf,
} from '../graph/graph.js';
import { largestInt32 } from '../graph/sizes.js';
import { type Size, sizesOf } from './sizes-of.js';
import { rowsReshaped } from './token-rows.js';
import {
  type AxisRule,
  type AxisSite,
  fromFront,
  isAlike,
  leaveRows,
  rowAxis,
  type Tokens,
} from './token-types.js';

/** The operand that holds tokens, where others may not. */
export function onlyTokens(site: AxisSite, index = 0): Tokens {
  const { node } = site;
  const found = site.tokens(index);
  const other = node.input.findIndex((_, at) => at !== index && site.tokens(at) !== undefined);
  if (!found || other >= 0) return site.refuse(`${node.opType} of tokens and tokens`);
  return found;
}

/** Leaves axes out that are not the tokens'. */
export const without = (tokens: Tokens, axes: readonly number[]): Tokens => ({
  ...tokens,
  dims: tokens.dims.filter((_, axis) => !axes.includes(axis)),
  axis: tokens.axis - axes.filter((axis) => axis < tokens.axis).length,
});

export const transpose: AxisRule = (site) => {
  const tokens = onlyTokens(site);
  const order = attribute(site.node, 'perm')?.ints.map(Number);
  const perm = order ?? [...tokens.dims.keys()].reverse();
  if (perm.length !== tokens.dims.length) return site.refuse('Transpose of another rank');
  const dims = perm.map((axis) => tokens.dims[axis]);
  return [{ ...tokens, dims, axis: perm.indexOf(tokens.axis) }];
};

export const unsqueeze: AxisRule = (site) => {
  const tokens = onlyTokens(site);
  const axes = integersOf(site, 'axes', 1);
  if (!axes) return site.refuse('Unsqueeze at axes that are not known');
  const rank = tokens.dims.length + axes.length;
  const added = new Set(axes.map((axis) => fromFront(axis, rank)));
  const rest = [...tokens.dims.keys()];
  const from = Array.from({ length: rank }, (_, at) => (added.has(at) ? undefined : rest.shift()));
  const dims = from.map((at) => (at === undefined ? 1 : tokens.dims[at]));
  return [{ ...tokens, dims, axis: from.indexOf(tokens.axis) }];
};

export const squeeze: AxisRule = (site) => {
  const tokens = onlyTokens(site);
  const axes = integersOf(site, 'axes', 1)?.map((axis) => fromFront(axis, tokens.dims.length));
  if (!axes || axes.includes(tokens.axis)) return site.refuse('Squeeze of the tokens');
  leaveRows(site, tokens, axes);
  return [without(tokens, axes)];
};

/** Some of the tokens may be taken for the logits, counted from the end, or as an input says. */
function choose(site: AxisSite, tokens: Tokens, dims: readonly Size[], at: number): Tokens {
  const [first] = constantIntegers(site.graph, inputAt(site.node, at) ?? '') ?? [];
  const isApart = !tokens.places && rowAxis(tokens) >= 0;
  if (!site.isHead || tokens.chosen || !isApart || (first !== undefined && first > 0)) {
    return site.refuse(`${site.node.opType} along the tokens`);
  }
  return { ...tokens, dims, chosen: site.node };
}

export const slice: AxisRule = (site) => {
  const { graph, node } = site;
  const tokens = onlyTokens(site);
  const integers = (index: number) => constantIntegers(graph, inputAt(node, index) ?? '');
  const [starts, ends, steps] = [integers(1), integers(2), integers(4)];
  const known = inputAt(node, 3) === undefined ? starts?.map((_, at) => at) : integers(3);
  const axes = known?.map((axis) => fromFront(axis, tokens.dims.length));
  if (!axes) return site.refuse('Slice along axes that are not known');
  const isPlain = (at: number) => inputAt(node, 4) === undefined || steps?.[at] === 1;
  const isWhole = (at: number) =>
    starts?.[at] === 0 && (ends?.[at] ?? 0) >= largestInt32 && isPlain(at);
  const dims = tokens.dims.map((size, axis): Size => {
    const at = axes.indexOf(axis);
    if (at < 0 || isWhole(at)) return size;
    const [start, end] = [1, 2].map(
      (index) => sizesOf(graph, inputAt(node, index) ?? '', (name) => site.dimsOf(name))?.[at],
    );
    const step = inputAt(node, 4) === undefined ? 1 : steps?.[at];
    if (typeof size !== 'number' || typeof start !== 'number' || typeof end !== 'number') {
      return undefined;
    }
    if (step === undefined || step < 1) return undefined;
    const place = (x: number) => Math.min(size, Math.max(0, x < 0 ? x + size : x));
    return Math.max(0, Math.ceil((place(end) - place(start)) / step));
  });
  const cut = axes.filter((_, at) => !isWhole(at));
  leaveRows(site, tokens, cut);
  const own = axes.indexOf(tokens.axis);
  if (own < 0 || isWhole(own)) return [{ ...tokens, dims }];
  if (!isPlain(own) || axes.length > 1) return site.refuse('Slice along the tokens');
  return [choose(site, tokens, dims, 1)];
};

export const gather: AxisRule = (site) => {
  const { node } = site;
  const table = site.tokens(0);
  if ((!table || table.isTable) && site.tokens(1)) return [lookUp(site)];
  const tokens = onlyTokens(site);
  const axis = fromFront(integerAttribute(node, 'axis', 0), tokens.dims.length);
  const indices = site.sizes(1);
  if (axis === tokens.axis) {
    if (indices?.length === 0) return site.refuse('Gather of one token');
    return [choose(site, tokens, tokens.dims, 1)];
  }
  leaveRows(site, tokens, [axis]);
  if (!site.isConstant(1) || !indices) {
    return site.refuse('Gather of features that are not known');
  }
  const dims = [...tokens.dims.slice(0, axis), ...indices, ...tokens.dims.slice(axis + 1)];
  const shift = axis < tokens.axis ? indices.length - 1 : 0;
  return [{ ...tokens, dims, axis: tokens.axis + shift }];
};

/** What each token looks up in a table of weights, by indices of its own. */
function lookUp(site: AxisSite): Tokens {
  const { node } = site;
  const [rows, indices] = [site.tokens(0), site.tokens(1)];
  const table = rows?.dims ?? (site.isConstant(0) ? site.sizes(0) : undefined);
  if (!table || !indices || indices.isTable) {
    return site.refuse('Gather from a table that is none of weights');
  }
  const axis = fromFront(integerAttribute(node, 'axis', 0), table.length);
  if (rows && rows.axis !== axis) return site.refuse('Gather of something else than rows');
  const dims = [...table.slice(0, axis), ...indices.dims, ...table.slice(axis + 1)];
  return { ...indices, dims, axis: indices.axis + axis };
}

/** What each token looks up in a table of weights, by several indices at once. */
export const gatherND: AxisRule = (site) => {
  const { node } = site;
  const table = site.sizes(0);
  if (!site.isConstant(0) || !table) {
    return site.refuse('GatherND from a table that is none of weights');
  }
  const indices = onlyTokens(site, 1);
  const last = indices.dims.length - 1;
  const count = indices.dims[last];
  const isPlain = integerAttribute(node, 'batch_dims', 0) === 0;
  if (!isPlain || typeof count !== 'number' || indices.axis === last) {
    return site.refuse('GatherND by indices that are not known');
  }
  return [{ ...indices, dims: [...indices.dims.slice(0, last), ...table.slice(count)] }];
};

/** Repeats along axes that are not the tokens'. */
export const tile: AxisRule = (site) => {
  const tokens = onlyTokens(site);
  const repeats = targetOf(site);
  if (repeats?.[tokens.axis] !== 1 || repeats.length !== tokens.dims.length) {
    return site.refuse('Tile along the tokens, or so often as is not known');
  }
  const repeated = [...repeats.keys()].filter((axis) => repeats[axis] !== 1);
  leaveRows(site, tokens, repeated);
  const dims = tokens.dims.map((size, axis): Size => {
    const times = repeats[axis];
    if (times === 1) return size;
    return typeof size === 'number' && typeof times === 'number' ? size * times : undefined;
  });
  return [{ ...tokens, dims }];
};

export const concat: AxisRule = (site) => {
  const { node } = site;
  const parts = node.input.map((_, index) => site.tokens(index));
  const [first] = parts;
  if (!first) return site.refuse('Concat of tokens and of something else');
  const axis = fromFront(integerAttribute(node, 'axis', 0), first.dims.length);
  const areAlike = parts.every(
    (part) =>
      part?.axis === first.axis && part.dims.length === first.dims.length && isAlike(part, first),
  );
  if (!areAlike || (axis === first.axis && parts.length > 1)) {
    return site.refuse('Concat along the tokens, or of tokens along different axes');
  }
  if (parts.length > 1) leaveRows(site, first, [axis]);
  const total = parts.reduce<Size>((sum, part) => {
    const size = part?.dims[axis];
    return typeof sum === 'number' && typeof size === 'number' ? sum + size : undefined;
  }, 0);
  return [{ ...first, dims: first.dims.map((size, at) => (at === axis ? total : size)) }];
};

export const split: AxisRule = (site) => {
  const { node } = site;
  const tokens = onlyTokens(site);
  const axis = fromFront(integerAttribute(node, 'axis', 0), tokens.dims.length);
  if (axis === tokens.axis) return site.refuse('Split along the tokens');
  leaveRows(site, tokens, [axis]);
  const sizes = integersOf(site, 'split', 1);
  const own = tokens.dims[axis];
  const equal = typeof own === 'number' ? own / node.output.length : undefined;
  return node.output.map((_, at) => ({
    ...tokens,
    dims: tokens.dims.map((size, index) => (index === axis ? (sizes?.[at] ?? equal) : size)),
  }));
};

export const expand: AxisRule = (site) => {
  const tokens = onlyTokens(site);
  const target = targetOf(site);
  if (!target) return site.refuse('Expand to sizes that are not known');
  const rank = Math.max(target.length, tokens.dims.length);
  const dims = Array.from({ length: rank }, (_, at) => {
    const own = at - rank >= -tokens.dims.length ? tokens.dims.at(at - rank) : 1;
    return own === 1 && at - rank >= -target.length ? target.at(at - rank) : own;
  });
  return [{ ...tokens, dims, axis: tokens.axis - tokens.dims.length + rank }];
};

/** The sizes that a node is told, as far as they are known. */
function targetOf(site: AxisSite): readonly Size[] | undefined {
  return sizesOf(site.graph, inputAt(site.node, 1) ?? '', (name) => site.dimsOf(name));
}

/** The product of some sizes; undefined if one of them is not known. */
const total = (sizes: readonly Size[]) =>
  sizes.reduce<number | undefined>(
    (product, size) =>
      typeof size === 'number' && product !== undefined ? product * size : undefined,
    1,
  );

/** The product of the sizes that are numbers above 0. */
const numbersOf = (sizes: readonly Size[]) =>
  sizes.reduce<number>((product, size) => product * (isCount(size) ? size : 1), 1);

const isWhole = (size: Size) => Number.isInteger(size) && isCount(size);

const isCount = (size: Size): size is number => typeof size === 'number' && size > 0;

const asText = (sizes: readonly Size[]) => `[${sizes.map((size) => size ?? '?').join(', ')}]`;

/**
 * Other sizes for the same numbers in the same order. The tokens stay together where what lies after them is as
 * large as before; what lies before them may be the batch, and heads. What lies after them may be split, so that
 * each token takes several places in a row (`[batch, tokens * heads, headDim]`).
 */
export const reshape: AxisRule = (site) => {
  const given = targetOf(site);
  return given ? reshaped(site, given) : site.refuse('Reshape to sizes that are not known');
};

/** A matrix: what lies before an axis, and what lies after it. */
export const flatten: AxisRule = (site) => {
  const { dims } = onlyTokens(site);
  const axis = fromFront(integerAttribute(site.node, 'axis', 1), dims.length);
  const features = total(dims.slice(axis));
  return features === undefined
    ? site.refuse('Flatten of features that are not known')
    : reshaped(site, [-1, features]);
};

function reshaped(site: AxisSite, given: readonly Size[]): readonly Tokens[] {
  const tokens = onlyTokens(site);
  const { dims, axis, places = 1 } = tokens;
  const all = tokens.joined ? 'joined' : 'tokens';
  const target = given.map((size, at): Size => (size === 0 ? dims[at] : size));
  const features = total([places, ...dims.slice(axis + 1)]);
  /** What a -1 after an axis stands for. */
  const holeAfter = (own: number): Size => {
    const known = numbersOf(target.slice(own + 1));
    return features === undefined ? undefined : features / known;
  };
  const filled = (own: number) => {
    const sizes = target.map((size, at): Size => {
      if (at === own) return all;
      return size === -1 ? (at > own ? holeAfter(own) : undefined) : size;
    });
    const rows = rowsReshaped(tokens, { given, target, own });
    if (!rows) {
      return site.refuse(
        `Reshape of ${asText(dims)} to ${asText(given)}, which need not leave rows of a batch apart`,
      );
    }
    return rows === 'along tokens' ? sizes : sizes.with(rows.axis, rows.size);
  };
  const isCopied = (at: number) =>
    (given[at] === 0 && (at !== axis || places === 1)) ||
    (at === axis && given[at] === all) ||
    (given[at] === 'batch' && dims[at] === 'batch') ||
    (given[at] === 1 && dims[at] === 1);
  if (dims.slice(0, axis + 1).every((_, at) => isCopied(at))) {
    return [{ ...tokens, dims: filled(axis), places: undefined }];
  }
  const fits = (own: number) => {
    const rest = target.slice(own + 1);
    const isTokens = target[own] === all;
    const isOther = isCount(target[own]) || (typeof target[own] === 'string' && !isTokens);
    if (
      isOther ||
      (given[own] === 0 && (own !== axis || places > 1)) ||
      rest.some((size) => typeof size === 'string' && size !== 'batch') ||
      rest.includes(undefined)
    )
      return false;
    // As many tokens at the same place: what is left over are the features, however many.
    if (features === undefined) return isTokens && own === axis && rest.includes(-1);
    const hole = holeAfter(own);
    const isFilled = rest.includes(-1) || target[own] === -1 ? isWhole(hole) : hole === 1;
    const isAligned = numbersOf(target.slice(0, own)) === numbersOf(dims.slice(0, axis));
    return isFilled && (isTokens || isAligned);
  };
  const [own, ...others] = [...target.keys()].filter(fits).sort((a, b) => b - a);
  const exact = [own, ...others].find((at) => at !== undefined && target[at] === all) ?? own;
  if (exact === undefined || (others.length > 0 && target[exact] !== all)) {
    return site.refuse(
      `Reshape of ${asText(dims)} to ${asText(given)}, which need not leave tokens apart`,
    );
  }
  const rest = target.slice(exact + 1);
  const hole = rest.includes(-1) || features === undefined ? 1 : holeAfter(exact);
  if (typeof hole !== 'number' || hole === 1) {
    return [{ ...tokens, dims: filled(exact), axis: exact, places: undefined }];
  }
  const split = filled(exact).map((size, at) => (at === exact ? undefined : size));
  return [{ ...tokens, dims: split, axis: exact, places: hole }];
}
