import { constantIntegers, makers } from '../../graph/graph.js';
import { walk } from '../../graph/walk.js';
import type { ClassifiedGraph } from '../classified-graph.js';
import { comparisons, indexCarriers } from '../operators.js';

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
    for (const operand of node.input) {
      const shift = shiftOf(graph, operand);
      // Off by one is how `<` stands for `<=`.
      if (shift !== undefined && Math.abs(shift) > 1) return Math.abs(shift);
    }
  }
  return undefined;
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
