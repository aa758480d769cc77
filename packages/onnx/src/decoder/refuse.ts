import { TransPruneError } from '@transprune/core';
import { describeNode } from '../graph/graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';

/** Where a graph stopped being understood. */
export interface Refusal {
  /** The place, in words: a layer, an input. */
  readonly where: string;
  readonly expected: string;
  readonly found: string;
  readonly node?: NodeProto | undefined;
}

/**
 * Stops the reading of a graph that is not understood.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL with the place, what was expected and what was found
 */
export function refuse({ where, expected, found, node }: Refusal): never {
  throw new TransPruneError(
    'UNSUPPORTED_MODEL',
    `${where}: expected ${expected}, found ${found}${node ? ` at ${describeNode(node)}` : ''}`,
    { where, expected, found, node: node?.name, operator: node?.opType },
  );
}
