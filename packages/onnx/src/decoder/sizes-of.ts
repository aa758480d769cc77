/** Vectors of sizes, such as the target of a Reshape, as far as a graph says what they hold. */
import {
  attribute,
  constantIntegers,
  inputAt,
  integerAttribute,
  tensorIntegers,
} from '../graph/graph.js';
import type { ClassifiedGraph } from './classified-graph.js';

/** A size: a number, the number of rows or of tokens, or unknown. */
export type Size = number | 'batch' | 'tokens' | undefined;

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
  graph: ClassifiedGraph,
  name: string,
  dimsOf: (name: string) => readonly Size[] | undefined,
  depth = 0,
): readonly Size[] | undefined {
  const constant = constantIntegers(graph, name);
  if (constant) return constant;
  const node = graph.producer.get(name);
  if (!node || depth > deepest) return undefined;
  const at = (index: number) => sizesOf(graph, inputAt(node, index) ?? '', dimsOf, depth + 1);
  if (node.domain !== '') return undefined;
  if (copies.has(node.opType)) return at(0);
  if (node.opType === 'Concat') {
    const parts = node.input.map((_, index) => at(index) ?? [undefined]);
    return parts.flat();
  }
  if (node.opType === 'Shape') {
    const dims = dimsOf(inputAt(node, 0) ?? '');
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
