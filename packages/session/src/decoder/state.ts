/**
 * What a conversation carries from call to call: caches of every layer, the masks that go with them after each
 * prune, the tokens seen so far.
 */
import type { HostTensor, SessionTensor } from '../backend.js';
import { freeElements } from '../free.js';

/** A tensor that conversations may share, and nobody else has; the last of its owners frees it. */
export interface Shared {
  readonly tensor: HostTensor | SessionTensor;
  owners: number;
}

/** A conversation between two calls. */
export interface ConversationState {
  /** By the names of the inputs that they go into. */
  readonly tensors: ReadonlyMap<string, Shared>;
  /** Each row's tokens so far, 1 or, at padding, 0. */
  readonly attention: readonly (readonly number[])[];
  /** The position that each row's next token takes. */
  readonly nextPosition: readonly number[];
}

export const emptyState: ConversationState = {
  tensors: new Map(),
  attention: [],
  nextPosition: [],
};

export function shared(tensor: HostTensor | SessionTensor): Shared {
  return { tensor, owners: 1 };
}

/** The same state for one more owner. */
export function borrow(state: ConversationState): ConversationState {
  for (const cell of state.tensors.values()) cell.owners++;
  return state;
}

/** A tensor of a state for a reader, who disposes it too; it lives as long as one of the owners does. */
export function lend(tensor: SessionTensor, cell: Shared): SessionTensor {
  cell.owners++;
  let isGivenUp = false;
  return {
    type: tensor.type,
    dims: tensor.dims,
    download: () => tensor.download(),
    dispose() {
      if (isGivenUp) return;
      isGivenUp = true;
      giveUp(cell);
    },
  };
}

/** Gives up a state; what nobody else owns is freed. */
export function release({ tensors }: ConversationState): void {
  for (const cell of tensors.values()) giveUp(cell);
}

function giveUp(cell: Shared): void {
  cell.owners--;
  if (cell.owners > 0) return;
  if ('dispose' in cell.tensor) cell.tensor.dispose();
  else freeElements(cell.tensor.data);
}
