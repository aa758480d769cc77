/** Sizes of tables: values that hold no tokens, made of weights by nodes of the graph. */
import {
  attribute,
  constantIntegers,
  inputAt,
  integerAttribute,
  integersOf,
} from '../graph/graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import type { ClassifiedGraph } from './classified-graph.js';
import type { Size } from './sizes-of.js';
import { axisRules, broadcast, elementwise } from './token-rules.js';
import { fromFront } from './token-types.js';

type Sizes = readonly Size[] | undefined;

/**
 * Sizes of what a node makes of tables; undefined where they are not known.
 *
 * @param dimsOf sizes of an input
 * @param target the sizes that the node is told, where it is told some
 */
export function sizesAfter(
  graph: ClassifiedGraph,
  node: NodeProto,
  dimsOf: (index: number) => Sizes,
  target?: Sizes,
): Sizes {
  if (axisRules.get(`${node.domain}:${node.opType}`) === elementwise) {
    const all = node.input.map((_, at) => dimsOf(at));
    return all.reduce((a, b) => (a && b ? broadcast(a, b) : undefined));
  }
  if (node.opType === 'Constant')
    return attribute(node, 'value')?.t ? undefined : constantSizes(node);
  const dims = dimsOf(0);
  if (!dims || node.domain !== '') return undefined;
  const make = makers[node.opType];
  return make?.({ graph, node, dims, target, dimsOf });
}

/** Of a constant that is a number or a list of them. */
function constantSizes(node: NodeProto): Sizes {
  const list = attribute(node, 'value_floats')?.floats ?? attribute(node, 'value_ints')?.ints;
  return list ? [list.length] : [];
}

interface Site {
  readonly graph: ClassifiedGraph;
  readonly node: NodeProto;
  readonly dims: readonly Size[];
  readonly target: Sizes;
  readonly dimsOf: (index: number) => Sizes;
}

const makers: Readonly<Record<string, (site: Site) => Sizes>> = {
  Expand: ({ dims, target }) =>
    target &&
    broadcast(
      dims,
      target.map((size) => (size === -1 ? 1 : size)),
    ),
  Tile: ({ dims, target }) =>
    target?.length === dims.length
      ? dims.map((size, at): Size => {
          const times = target[at];
          if (times === 1 || size === 1) return times === 1 ? size : times;
          return typeof size === 'number' && typeof times === 'number' ? size * times : undefined;
        })
      : undefined,
  Unsqueeze({ graph, node, dims }) {
    const axes = integersOf({ graph, node }, 'axes', 1);
    if (!axes) return undefined;
    const rank = dims.length + axes.length;
    const added = new Set(axes.map((axis) => fromFront(axis, rank)));
    const rest = [...dims];
    return Array.from({ length: rank }, (_, at) => (added.has(at) ? 1 : rest.shift()));
  },
  Squeeze({ graph, node, dims }) {
    const axes = integersOf({ graph, node }, 'axes', 1)?.map((axis) =>
      fromFront(axis, dims.length),
    );
    return axes && dims.filter((_, at) => !axes.includes(at));
  },
  Transpose({ node, dims }) {
    const perm = attribute(node, 'perm')?.ints.map(Number) ?? [...dims.keys()].reverse();
    return perm.map((axis) => dims[axis]);
  },
  Concat({ node, dims, dimsOf }) {
    const axis = fromFront(integerAttribute(node, 'axis', 0), dims.length);
    const sizes = node.input.map((_, at) => dimsOf(at)?.at(axis));
    const total = sizes.reduce<Size>(
      (sum, size) => (typeof sum === 'number' && typeof size === 'number' ? sum + size : undefined),
      0,
    );
    return dims.with(axis, total);
  },
  Gather({ node, dims, dimsOf }) {
    const axis = fromFront(integerAttribute(node, 'axis', 0), dims.length);
    const indices = dimsOf(1);
    return indices && [...dims.slice(0, axis), ...indices, ...dims.slice(axis + 1)];
  },
  Reshape({ graph, node, dims }) {
    const wanted = constantIntegers(graph, inputAt(node, 1) ?? '');
    const product = (sizes: readonly Size[]) =>
      sizes.reduce<Size>(
        (all, size) =>
          typeof all === 'number' && typeof size === 'number' ? all * size : undefined,
        1,
      );
    const filled = wanted?.map((size, at) => (size === 0 ? dims[at] : size));
    const total = product(dims);
    const rest = filled && product(filled.filter((size) => size !== -1));
    const hole = typeof total === 'number' && typeof rest === 'number' ? total / rest : undefined;
    const [only] = dims;
    const isAlone = dims.length === 1 && rest === 1;
    return filled?.map((size) => (size === -1 ? (isAlone ? only : hole) : size));
  },
  Slice({ graph, node, dims }) {
    const [starts, ends, axes] = [1, 2, 3].map((at) =>
      constantIntegers(graph, inputAt(node, at) ?? ''),
    );
    const steps = inputAt(node, 4) ? constantIntegers(graph, inputAt(node, 4) ?? '') : [];
    if (!starts || !ends || !steps || (inputAt(node, 3) && !axes)) return undefined;
    const sizes = [...dims];
    for (const [at, start] of starts.entries()) {
      const axis = fromFront(axes?.[at] ?? at, dims.length);
      const [size, step, end] = [dims[axis], steps[at] ?? 1, ends[at] ?? 0];
      const place = (x: number, of: number) => Math.min(of, Math.max(0, x < 0 ? x + of : x));
      sizes[axis] =
        typeof size === 'number' && step > 0
          ? Math.max(0, Math.ceil((place(end, size) - place(start, size)) / step))
          : undefined;
    }
    return sizes;
  },
};
