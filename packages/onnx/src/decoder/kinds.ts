/**
 * What the values of a decoder depend on. Everything that a layer reads besides the residual stream,
 * its weights and its own cache (masks, angles, sizes) is a function of the graph's inputs alone; this
 * tells such values from those that hold something for each token.
 */
import type { NodeProto } from '../proto/onnx_pb.js';
import { tokenwise } from './operators.js';

/**
 * - `constant`: weights and what is made of them
 * - `derived`: a function of the inputs' shapes, of the attention mask, of positions
 * - `token`: made of the embeddings or of a cache
 */
export type Kind = 'constant' | 'derived' | 'token';

/**
 * Classifies the values of a graph.
 *
 * @param nodes in their order, each after the nodes that it reads
 * @param isInitializer whether a name is a weight
 * @param isToken whether a name without a node holds tokens: embeddings and caches
 */
export function classify(
  nodes: readonly NodeProto[],
  isInitializer: (name: string) => boolean,
  isToken: (name: string) => boolean,
): (name: string) => Kind {
  const kinds = new Map<string, Kind>();
  const kindOf = (name: string): Kind => {
    const known = kinds.get(name);
    if (known) return known;
    if (isToken(name)) return 'token';
    return name === '' || isInitializer(name) ? 'constant' : 'derived';
  };
  for (const node of nodes) {
    const inputs = node.input.map(kindOf);
    const holdsTokens = node.opType !== 'Shape' && inputs.includes('token');
    const isConstant = inputs.every((input) => input === 'constant');
    const kind = holdsTokens ? 'token' : isConstant ? 'constant' : 'derived';
    for (const name of node.output) if (name !== '') kinds.set(name, kind);
  }
  return kindOf;
}

/**
 * The axis of the tokens in values of the shape `[batch, tokens, features]`, and in stacks of streams
 * `[streams, batch, tokens, features]`; undefined for others.
 *
 * @param nodes in their order
 * @param isStream whether a name is known to have the former shape
 * @param isStack whether a name is known to have the latter shape
 */
export function tokenAxes(
  nodes: readonly NodeProto[],
  isStream: (name: string) => boolean,
  isStack: (name: string) => boolean,
): (name: string) => number | undefined {
  const shaped = new Set<string>();
  // Made of a stack, of whatever shape.
  const stacked = new Set<string>();
  const isShaped = (name: string) => shaped.has(name) || isStream(name);
  const isStacked = (name: string) => !isShaped(name) && (stacked.has(name) || isStack(name));
  for (const node of nodes) {
    const made = node.input.some(isStacked)
      ? stacked
      : tokenwise.has(node.opType) && node.input.some(isShaped)
        ? shaped
        : undefined;
    if (made) for (const name of node.output) made.add(name);
  }
  return (name) => (isShaped(name) ? 1 : isStack(name) ? 2 : undefined);
}
