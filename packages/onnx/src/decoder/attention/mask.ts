import { constantIntegers, inputAt } from '../../graph/graph.js';
import type { ClassifiedGraph } from '../stream.js';

const comparisons = new Set(['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual']);
const wrappers = new Set(['Cast', 'Expand', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze']);

/**
 * The sliding window of an attention mask: indices are compared with indices that a constant was added
 * to or taken from. Undefined for a mask that is only causal.
 */
export function windowOf(graph: ClassifiedGraph, mask: string): number | undefined {
  const open = [mask];
  const seen = new Set(open);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = graph.producer.get(name);
    if (!node) continue;
    if (comparisons.has(node.opType)) {
      for (const operand of node.input) {
        const shift = shiftOf(graph, operand);
        // Off by one is how `<` stands for `<=`.
        if (shift !== undefined && Math.abs(shift) > 1) return Math.abs(shift);
      }
    }
    for (const input of node.input) {
      if (seen.has(input) || graph.kindOf(input) === 'token') continue;
      seen.add(input);
      open.push(input);
    }
  }
  return undefined;
}

/** The constant that is added to a value at its end. */
function shiftOf(graph: ClassifiedGraph, value: string): number | undefined {
  const node = graph.producer.get(value);
  if (!node) return undefined;
  if (wrappers.has(node.opType)) return shiftOf(graph, inputAt(node, 0) ?? '');
  if (node.opType !== 'Add' && node.opType !== 'Sub') return undefined;
  for (const input of node.input) {
    const [shift, more] = constantIntegers(graph, input) ?? [];
    if (shift !== undefined && more === undefined) return shift;
  }
  return undefined;
}
