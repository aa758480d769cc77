/** Vectors of sizes, such as the target of a Reshape, as far as a graph says what they hold. */
import {
  attribute,
  constantIntegers,
  type GraphIndex,
  inputAt,
  integerAttribute,
  tensorIntegers,
} from '../graph/graph.js';

/**
 * A size: a number, the number of rows or of what they have together (`rows`: each takes several places in a row, such
 * as its heads), of tokens, of tokens in a cache of latents before the call and with it, or unknown.
 */
export type Size = number | 'batch' | 'rows' | 'tokens' | 'past' | 'joined' | undefined;

/** True for an axis along which the rows of a batch lie. */
export const isRows = (size: Size): size is 'batch' | 'rows' => size === 'batch' || size === 'rows';

/** How far back sizes are looked for: exporters take them from a shape by a few nodes. */
const deepest = 24;

/** Give their first input's numbers as they are. */
const copies: ReadonlySet<string> = new Set([
  'Cast',
  'Identity',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
]);

/**
 * What a vector of sizes holds.
 *
 * @param dimsOf sizes of a value that holds tokens
 * @returns undefined where not even its length is known
 */
export function sizesOf(
  graph: GraphIndex,
  name: string,
  dimsOf: (name: string) => readonly Size[] | undefined,
  depth = 0,
): readonly Size[] | undefined {
  const constant = constantIntegers(graph, name);
  if (constant) return constant;
  const node = graph.producer.get(name);
  if (!node || depth > deepest) return undefined;
  const at = (index: number) => sizesOf(graph, inputAt(node, index) ?? '', dimsOf, depth + 1);
  // Copied nodes have none where it is the standard one.
  if (node.domain) return undefined;
  if (copies.has(node.opType)) return at(0);
  if (node.opType === 'Concat') {
    const parts = node.input.map((_, index) => at(index) ?? [undefined]);
    return parts.flat();
  }
  if (node.opType === 'Shape') {
    const source = inputAt(node, 0) ?? '';
    const dims = dimsOf(source) ?? dimsOfMade(graph, source, dimsOf, depth + 1);
    const end = attribute(node, 'end');
    return dims?.slice(integerAttribute(node, 'start', 0), end ? Number(end.i) : undefined);
  }
  if (node.opType === 'Gather') {
    const [from, indices] = [at(0), constantIntegers(graph, inputAt(node, 1) ?? '')];
    return from && indices?.map((index) => from.at(index));
  }
  if (node.opType === 'Slice') {
    const [from, start, end] = [at(0), at(1)?.[0], at(2)?.[0]];
    if (typeof start !== 'number' || typeof end !== 'number' || inputAt(node, 4)) return undefined;
    return from?.slice(start, end);
  }
  const compute = arithmetic[node.opType];
  if (compute) {
    return together([at(0), at(1)], ([a, b]) => {
      if (typeof a === 'number' && typeof b === 'number') return compute(a, b);
      const isJoined = node.opType === 'Add' && [a, b].sort().join() === 'past,tokens';
      if (isJoined) return 'joined';
      // A number of rows or of tokens is no -1, by which exporters mark sizes to copy.
      const isMark = [a, b].some((size) => typeof size === 'number' && size < 0);
      return node.opType === 'Equal' && isMark && a !== undefined && b !== undefined
        ? 0
        : undefined;
    });
  }
  if (node.opType === 'Where') {
    return together([at(0), at(1), at(2)], ([choice, one, other]) =>
      typeof choice === 'number' ? (choice === 0 ? other : one) : undefined,
    );
  }
  if (node.opType === 'ConstantOfShape') {
    const [length] = at(0) ?? [];
    const [value] = tensorIntegers(attribute(node, 'value')?.t) ?? [];
    return typeof length === 'number' ? new Array<Size>(length).fill(value) : undefined;
  }
  return node.opType === 'OneHot' ? oneHot(at(0), at(1), at(2)) : undefined;
}

/** The sizes of a value that is made of sizes: filled with one number, or places. */
export function dimsOfMade(
  graph: GraphIndex,
  name: string,
  dimsOf: (name: string) => readonly Size[] | undefined,
  depth = 0,
): readonly Size[] | undefined {
  const node = graph.producer.get(name);
  if (!node || node.domain || depth > deepest) return undefined;
  const at = (index: number) => sizesOf(graph, inputAt(node, index) ?? '', dimsOf, depth + 1);
  const of = (index: number) => dimsOfMade(graph, inputAt(node, index) ?? '', dimsOf, depth + 1);
  switch (node.opType) {
    case 'ConstantOfShape':
      return at(0);
    case 'Range': {
      const [from, limit, step] = [0, 1, 2].map((index) => at(index)?.[0]);
      return from === 0 && step === 1 ? [limit] : [undefined];
    }
    case 'Slice': {
      const [dims, [axis, more] = []] = [of(0), constantIntegers(graph, inputAt(node, 3) ?? '')];
      const [start, end, step = 1] = [1, 2, 4].map((index) => at(index)?.[0]);
      if (!dims || axis === undefined || axis < 0 || more !== undefined || step !== 1)
        return undefined;
      const size = dims[axis];
      const isKnown = [size, start, end].every((part) => typeof part === 'number');
      const places = isKnown ? Array(size).slice(Number(start), Number(end)) : undefined;
      return dims.with(axis, places?.length);
    }
    case 'Reshape': {
      // Places along one of several axes.
      const [dims, target] = [of(0), constantIntegers(graph, inputAt(node, 1) ?? '')];
      const isOne = dims?.length === 1 && target?.filter((size) => size !== 1).join() === '-1';
      return isOne ? target?.map((size): Size => (size === -1 ? dims[0] : size)) : undefined;
    }
    case 'Add': {
      const [a, b] = [of(0), of(1)];
      return a && b && broadcast(a, b);
    }
    default:
      return undefined;
  }
}

/** Sizes of two values that are broadcast, counted from the end. */
export function broadcast(a: readonly Size[], b: readonly Size[]): readonly Size[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, at): Size => {
    const [isInA, isInB] = [at - rank >= -a.length, at - rank >= -b.length];
    const [x, y] = [isInA ? a.at(at - rank) : 1, isInB ? b.at(at - rank) : 1];
    return x === 1 ? y : (x ?? (y === 1 ? x : y));
  });
}

/** Sizes at the same place taken together; a single one stands for as many as there are. */
function together(
  parts: readonly (readonly Size[] | undefined)[],
  make: (sizes: readonly Size[]) => Size,
): readonly Size[] {
  const known = parts.map((part) => part ?? [undefined]);
  const length = Math.max(...known.map((part) => part.length));
  return Array.from({ length }, (_, at) =>
    make(known.map((part) => (part.length === 1 ? part[0] : part[at]))),
  );
}

/** Operators on two sizes; a truth is 0 or 1. */
const arithmetic: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => Math.trunc(a / b),
  Equal: (a, b) => (a === b ? 1 : 0),
};

/** A vector of one value, with another at one place: repeats along one axis, as exporters write them. */
function oneHot(
  indices: readonly Size[] | undefined,
  depth: readonly Size[] | undefined,
  values: readonly Size[] | undefined,
): readonly Size[] | undefined {
  const [[place, ...more] = [], [length] = [], [off, on] = []] = [
    indices ?? [],
    depth ?? [],
    values ?? [],
  ];
  if (more.length > 0 || typeof place !== 'number' || typeof length !== 'number') return undefined;
  return Array.from({ length }, (_, at) => (at === place || at === place + length ? on : off));
}
