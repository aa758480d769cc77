import { ports } from '@transprune/core';
import { attribute, constantIntegers, makers } from '../../graph/graph.js';
import { walk } from '../../graph/walk.js';
import { type NodeProto, TensorProto_DataType } from '../../proto/onnx_pb.js';
import type { ClassifiedGraph } from '../classified-graph.js';
import { comparisons, indexCarriers } from '../operators.js';
import { refuse } from '../refuse.js';

/**
 * The sliding window of an attention mask: indices are compared with indices that a constant was added
 * to or taken from. Undefined for a mask that is only causal.
 */
export function windowOf(graph: ClassifiedGraph, mask: string): number | undefined {
  const next = (name: string) =>
    (graph.producer.get(name)?.input ?? []).filter((input) => graph.kindOf(input) !== 'token');
  for (const name of walk([mask], next)) {
    const node = graph.producer.get(name);
    if (!node || !comparisons.has(node.opType)) continue;
    const apart = distanceOf(graph, node);
    if (apart !== undefined) return apart;
    for (const operand of node.input) {
      const shift = shiftOf(graph, operand);
      // Off by one is how `<` stands for `<=`.
      if (shift !== undefined && Math.abs(shift) > 1) return Math.abs(shift);
    }
  }
  return undefined;
}

/** A comparison with its operands the other way round. */
const flipped: Readonly<Record<string, string>> = {
  Greater: 'Less',
  GreaterOrEqual: 'LessOrEqual',
  Less: 'Greater',
  LessOrEqual: 'GreaterOrEqual',
};

/**
 * The window that a comparison of a difference of indices with a constant means, whether it tells what is seen
 * or what is blocked: query less key below 16, key less query above -16, and their opposites.
 */
function distanceOf(graph: ClassifiedGraph, node: NodeProto): number | undefined {
  const constants = node.input.map((input) => constantIntegers(graph, input));
  const at = constants.findIndex((values) => values?.length === 1);
  const limit = constants[at]?.[0];
  const difference = node.input[1 - at];
  if (limit === undefined || Math.abs(limit) <= 1 || difference === undefined) return undefined;
  const [maker] = [...makers(graph, difference)].filter(({ opType }) => !indexCarriers.has(opType));
  if (maker?.opType !== 'Sub') return undefined;
  if (maker.input.some((input) => graph.kindOf(input) === 'constant')) return undefined;
  const comparison = at === 1 ? node.opType : flipped[node.opType];
  const isExact =
    limit > 0
      ? comparison === 'Less' || comparison === 'GreaterOrEqual'
      : comparison === 'Greater' || comparison === 'LessOrEqual';
  return Math.abs(limit) + (isExact ? 0 : 1);
}

/** The constant that is added to a value at its end. */
function shiftOf(graph: ClassifiedGraph, value: string): number | undefined {
  for (const node of makers(graph, value)) {
    if (indexCarriers.has(node.opType)) continue;
    if (node.opType !== 'Add' && node.opType !== 'Sub') return undefined;
    for (const input of node.input) {
      const [shift, more] = constantIntegers(graph, input) ?? [];
      if (shift !== undefined && more === undefined) return shift;
    }
    return undefined;
  }
  return undefined;
}

/** Comparisons and what is made of truth values: what they are made of adds nothing to a logit. */
const truths: ReadonlySet<string> = new Set([
  ...comparisons,
  'And',
  'Equal',
  'IsInf',
  'IsNaN',
  'Not',
  'Or',
  'Xor',
]);

/** Makes numbers that count tokens. */
const counting: ReadonlySet<string> = new Set([
  'ArgMax',
  'ArgMin',
  'CumSum',
  'NonZero',
  'Range',
  'ReduceSum',
  'Shape',
  'Size',
  'TopK',
]);

/** Operators whose first input alone holds what they give; the others are sizes and indices. */
const byFirst: ReadonlySet<string> = new Set([
  'Compress',
  'Expand',
  'Gather',
  'GatherElements',
  'GatherND',
  'Pad',
  'Reshape',
  'Slice',
  'Split',
  'Squeeze',
  'Tile',
  'Trilu',
  'Unsqueeze',
]);

/**
 * Checks that a mask blocks and does nothing else: what is added to logits is made of truth values and
 * constants. A bias that grows with distance, or is looked up by it, would be left out of the score.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL with the node that counts
 */
export function checkMask(graph: ClassifiedGraph, mask: string, where: string): void {
  const expected = 'a mask that only blocks, made of comparisons and constants';
  for (const name of walk([mask], (value) => valuesOf(graph, value))) {
    const node = graph.producer.get(name);
    const isPosition = graph.input.has(name) && name === ports.positionIds;
    if (isPosition) refuse({ where, expected, found: `${name} added to the logits` });
    if (!node) continue;
    if (counting.has(node.opType)) {
      refuse({
        where,
        expected,
        found: `a bias that is made of positions or lengths (ALiBi, or the like), with ${node.opType}`,
        node,
      });
    }
    const [, index = ''] = node.input;
    if (looksUp(graph, node) && graph.kindOf(index) !== 'constant') {
      refuse({ where, expected, found: 'a bias that is looked up by positions', node });
    }
  }
}

/** Gives each token a number of its own place. */
const placing: ReadonlySet<string> = new Set(['CumSum', 'NonZero', 'Range']);

/** True for what is made of sizes and constants alone, no number of a single token's: a scale, no mask. */
export function isScale(graph: Origins, value: string): boolean {
  for (const name of walk([value], (from) => numbersOf(graph, from))) {
    if (graph.input.has(name) || isPlaced(graph, name) || makes(graph, name, 'Trilu')) return false;
  }
  return true;
}

/**
 * True for what is made of positions, in which kept positions would be others than a prune's places. A mask compares
 * places in the cache, which are the stage's own; whatever else is made of places, be it by a condition or an index,
 * is a position.
 */
export function holdsPositions(graph: Origins, value: string, isMask: boolean): boolean {
  for (const name of walk([value], (from) => numbersOf(graph, from))) {
    if (name === ports.positionIds || (!isMask && isPlaced(graph, name))) return true;
  }
  for (const name of walk([value], (from) => valuesOf(graph, from))) {
    if (placing.has(graph.producer.get(name)?.opType ?? '')) return true;
  }
  return false;
}

/** True for places that are counted, and for rows of a constant from a place on that is counted. */
function isPlaced(graph: Origins, name: string): boolean {
  const node = graph.producer.get(name);
  if (node?.opType !== 'Slice') return placing.has(node?.opType ?? '');
  const [, start = ''] = node.input;
  return (
    graph.producer.has(start) &&
    [...walk([start], (from) => graph.producer.get(from)?.input ?? [])].some((from) =>
      graph.input.has(from),
    )
  );
}

const makes = ({ producer }: Origins, name: string, opType: string) =>
  producer.get(name)?.opType === opType;

/** What the numbers of a value are made of, conditions and indices too; a shape holds sizes alone. */
const numbersOf = (graph: Origins, name: string): readonly string[] =>
  makes(graph, name, 'Shape') ? [] : (graph.producer.get(name)?.input ?? []);

/** What tells where numbers come from. */
type Origins = Pick<ClassifiedGraph, 'producer' | 'input'>;

/** True for nodes that look numbers up in a constant, or in a copy of one: the indices tell what they give. */
function looksUp(graph: Origins, node: NodeProto): boolean {
  if (!node.opType.startsWith('Gather')) return false;
  let [origin = ''] = node.input;
  for (const maker of makers(graph, origin)) {
    if (counting.has(maker.opType)) return false;
    origin = maker.input[0] ?? '';
  }
  return !graph.input.has(origin);
}

/** What the numbers of a value are made of, sizes, indices and conditions left aside. */
function valuesOf(graph: Origins, value: string): readonly string[] {
  const node = graph.producer.get(value);
  // A shape holds sizes, whatever it is the shape of.
  if (!node || node.opType === 'Shape' || truths.has(node.opType)) return [];
  if (node.opType === 'Cast' && Number(attribute(node, 'to')?.i) === TensorProto_DataType.BOOL) {
    return [];
  }
  if (node.opType === 'Where') return node.input.slice(1);
  if (node.opType === 'ConstantOfShape') return [];
  if (looksUp(graph, node)) return node.input;
  if (node.opType.startsWith('Scatter')) return [node.input[0] ?? '', node.input[2] ?? ''];
  return byFirst.has(node.opType) ? node.input.slice(0, 1) : node.input;
}
