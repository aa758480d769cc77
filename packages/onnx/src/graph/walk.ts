import type { NodeProto } from '../proto/onnx_pb.js';
import { producersOf } from './graph.js';

/**
 * Goes from a value to others, each once.
 *
 * @param next the values to go on with; asked when the caller is done with a value
 */
export function* walk(
  start: Iterable<string>,
  next: (name: string) => Iterable<string>,
): Generator<string, void> {
  const open = [...start];
  const seen = new Set(open);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    yield name;
    for (const other of next(name)) {
      if (seen.has(other)) continue;
      seen.add(other);
      open.push(other);
    }
  }
}

/** Those of some nodes that values are made of, in the nodes' order. */
export function upstreamNodes(nodes: readonly NodeProto[], values: Iterable<string>): NodeProto[] {
  const producer = producersOf(nodes);
  const used = new Set<NodeProto>();
  for (const name of walk(values, (name) => producer.get(name)?.input ?? [])) {
    const node = producer.get(name);
    if (node) used.add(node);
  }
  return nodes.filter((node) => used.has(node));
}
