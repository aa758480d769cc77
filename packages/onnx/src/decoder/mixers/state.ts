/** What families of mixers ask of a state and of what meets it. */
import { inputAt, outputAt } from '../../graph/graph.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import { originalOf } from '../attention/cache.js';
import type { ClassifiedGraph } from '../classified-graph.js';
import type { StateNames } from '../decoder.js';
import { refuse } from '../refuse.js';
import { type AxisSite, rowAxis, type Tokens } from '../token-types.js';

/** A node that takes a state and gives it out again. */
export interface StatefulNode {
  readonly where: string;
  readonly state: StateNames;
  readonly node: NodeProto;
  /** Where it takes the state, and where it gives it. */
  readonly input: number;
  readonly output: number;
}

/**
 * Checks that a node takes and gives a state where its operator does.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL if the state comes or goes elsewhere
 */
export function checkState(graph: ClassifiedGraph, stateful: StatefulNode): void {
  const { where, state, node, input, output } = stateful;
  if (inputAt(node, input) !== state.past) {
    const found = `${state.past} read as something else`;
    refuse({ where, expected: `${state.past} as the state of ${node.opType}`, found, node });
  }
  const given = originalOf(graph, state.present);
  if (given === outputAt(node, output)) return;
  const maker = graph.producer.get(given);
  refuse({
    where,
    expected: `${state.present} to be the state that ${node.opType} gives`,
    found: maker?.opType ?? given,
    node: maker,
  });
}

/**
 * Checks that inputs of a node are weights.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for one that is not constant
 */
export function checkWeights(
  graph: ClassifiedGraph,
  node: NodeProto,
  inputs: readonly number[],
  where: string,
): void {
  for (const at of inputs) {
    const name = inputAt(node, at);
    if (name === undefined || graph.kindOf(name) === 'constant') continue;
    refuse({ where, expected: `constant weights of ${node.opType}`, found: name, node });
  }
}

/** The tokens of an input, which have to lie along an axis of so many, each once and all of them. */
export function tokensAlong(site: AxisSite, index: number, axis: number, rank: number): Tokens {
  const tokens = site.tokens(index);
  const isThere =
    tokens?.axis === axis &&
    tokens.dims.length === rank &&
    tokens.places === undefined &&
    tokens.chosen === undefined;
  if (isThere && rowAxis(tokens) === 0) return tokens;
  if (isThere) return site.refuse(`${site.node.opType} of rows of a batch along another axis`);
  const found = tokens ? `tokens along axis ${tokens.axis} of ${tokens.dims.length}` : 'no tokens';
  return site.refuse(`${site.node.opType} of ${found} at input ${index}`);
}
