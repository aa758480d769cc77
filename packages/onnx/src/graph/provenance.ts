/** Where the nodes that a pass adds come from. */
import type { NodeProto } from '../proto/onnx_pb.js';

/**
 * What a node that a pass adds is for.
 * - `padding`: attention nodes are told of padding
 * - `positions`: a rotation that was taken out of its node, and the positions it is told
 * - `check`: fails where lengths of caches contradict each other
 * - `gate`: the condition "this call has an image token", the `If` nodes, and what passes through them
 * - `score`: the method's formula and what it is made of
 * - `copy`: nodes of the graph once more, so that the score sees every token
 * - `select`: what stays, and what later stages know of it
 * - `gather`: rows of what the next layer reads
 * - `angles`: angles of the tokens that stay, where positions are kept
 * - `stage-input`: lengths, masks, positions and sizes after a prune, and the active one of several streams
 * - `derived`: clones of derived values, made of those
 * - `trace`: outputs that tell what was scored and kept
 */
export type Role =
  | 'padding'
  | 'positions'
  | 'check'
  | 'gate'
  | 'score'
  | 'copy'
  | 'select'
  | 'gather'
  | 'angles'
  | 'stage-input'
  | 'derived'
  | 'trace';

/** Why a node is there. */
export interface Provenance {
  readonly role: Role;
  /** The stage that it belongs to, counted from 0; undefined for what serves all stages. */
  readonly stage?: number | undefined;
}

/** Provenance of every node that a pass adds, those inside branches too; a node of the original has none. */
export type ProvenanceOf = (node: NodeProto) => Provenance | undefined;

const scoringRoles: readonly Role[] = ['copy', 'score', 'select'];

/** True for nodes that score and select. */
export function isScoring(provenance: Provenance | undefined): boolean {
  return provenance !== undefined && scoringRoles.includes(provenance.role);
}
