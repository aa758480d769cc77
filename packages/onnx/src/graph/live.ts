import type { NodeProto, ValueInfoProto } from '../proto/onnx_pb.js';

/**
 * The nodes of some that were added to a graph whose values are used in the end.
 *
 * @param own nodes that stay in any case
 */
export function usedNodes(
  own: readonly NodeProto[],
  added: readonly NodeProto[],
  outputs: readonly ValueInfoProto[],
): NodeProto[] {
  const producer = new Map(
    added.flatMap((node) => node.output.map((name): [string, NodeProto] => [name, node])),
  );
  const used = new Set<NodeProto>();
  const open = [...outputs.map(({ name }) => name), ...own.flatMap(({ input }) => input)];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = producer.get(name);
    if (!node || used.has(node)) continue;
    used.add(node);
    open.push(...node.input);
  }
  return added.filter((node) => used.has(node));
}
