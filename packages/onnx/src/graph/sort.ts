import { TransPruneError } from '@transprune/core';
import type { NodeProto } from '../proto/onnx_pb.js';
import { producersOf } from './graph.js';
import { readsOf } from './subgraphs.js';

/**
 * Orders nodes so that each comes after those it reads from, also from inside its branches; nodes that are
 * free to stand where they are keep their order.
 *
 * @throws TransPruneError INVALID_MODEL if the graph has a cycle
 */
export function sortNodes(nodes: readonly NodeProto[]): NodeProto[] {
  const producer = producersOf(nodes);
  const sorted: NodeProto[] = [];
  const state = new Map<NodeProto, 'open' | 'done'>();
  // An explicit stack: decoders are deeper than a call stack should be.
  for (const root of nodes) {
    const stack = [{ node: root, reads: readsOf(root), next: 0 }];
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const { node, reads } = top;
      if (top.next === 0) {
        if (state.get(node) === 'done') {
          stack.pop();
          continue;
        }
        state.set(node, 'open');
      }
      const dependency = producer.get(reads[top.next] ?? '');
      if (top.next < reads.length) {
        top.next++;
        if (!dependency || state.get(dependency) === 'done') continue;
        if (state.get(dependency) === 'open') {
          throw new TransPruneError(
            'INVALID_MODEL',
            `the graph has a cycle through ${node.opType}`,
          );
        }
        stack.push({ node: dependency, reads: readsOf(dependency), next: 0 });
        continue;
      }
      state.set(node, 'done');
      sorted.push(node);
      stack.pop();
    }
  }
  return sorted;
}
