/**
 * Where modules meet the residual stream: a module's output is added to the stream, and a norm reads
 * the sum. Two spellings are known: one fused node, and an Add followed by a norm.
 */
import { type GraphIndex, inputAt, outputAt } from '../graph/graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { refuse } from './refuse.js';

/** The stream behind an add, and the norm that reads it. */
export interface Join {
  /** The node that adds. */
  readonly node: NodeProto;
  /** The module's output, the other term of the sum. */
  readonly moduleOutput: string;
  /** The sum; undefined if the fused node does not give it out (behind the last layer). */
  readonly stream: string | undefined;
  /** The sum after the norm. */
  readonly normed: string;
}

/** A norm on its own, at the start of the first layer. */
export interface Norm {
  readonly stream: string;
  readonly normed: string;
}

const simplified = 'SimplifiedLayerNormalization';
const skipSimplified = 'SkipSimplifiedLayerNormalization';

/** The first norm that reads a stream, or undefined if none does. */
export function normOf(graph: GraphIndex, stream: string): Norm | undefined {
  const use = graph.uses
    .get(stream)
    ?.find(({ node, input }) => node.opType === simplified && input === 0);
  const normed = use && outputAt(use.node, 0);
  return normed === undefined ? undefined : { stream, normed };
}

/**
 * The add that a stream goes into, with the norm behind it.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL if the stream is read by anything but norms and one add
 */
export function joinBehind(graph: GraphIndex, stream: string, where: string): Join {
  const readers = (graph.uses.get(stream) ?? []).filter(({ node }) => node.opType !== simplified);
  const [use, second] = readers;
  if (!use || second) {
    refuse({
      where,
      expected: 'the residual stream to be read by its norm and one add',
      found: `${readers.length} readers besides norms`,
      node: second?.node ?? graph.producer.get(stream),
    });
  }
  const { node, input } = use;
  if ((node.opType !== 'Add' && node.opType !== skipSimplified) || input > 1) {
    refuse({ where, expected: `Add or ${skipSimplified}`, found: node.opType, node });
  }
  const moduleOutput = inputAt(node, 1 - input);
  if (moduleOutput === undefined || graph.initializer.has(moduleOutput)) {
    refuse({ where, expected: "a module's output added to the stream", found: 'a constant', node });
  }
  if (node.opType === skipSimplified) {
    const normed = outputAt(node, 0);
    if (inputAt(node, 3) !== undefined || normed === undefined) {
      refuse({ where, expected: `${skipSimplified} without bias`, found: 'a bias', node });
    }
    return { node, moduleOutput, stream: outputAt(node, 3), normed };
  }
  const sum = outputAt(node, 0) ?? '';
  const norm = normOf(graph, sum);
  if (!norm) refuse({ where, expected: `${simplified} behind the add`, found: 'none', node });
  return { node, moduleOutput, stream: sum, normed: norm.normed };
}
