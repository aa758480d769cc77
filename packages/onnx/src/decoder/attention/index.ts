import { TransPruneError } from '@transprune/core';
import type { AttentionFamily } from './family.js';
import { groupQueryAttention } from './group-query.js';
import { multiHeadAttention } from './multi-head.js';
import { spelledOutAttention } from './spelled-out.js';
import { standardAttention } from './standard.js';

/** The families of this package, in the order of asking; the most general is the last. */
const own: readonly AttentionFamily[] = [
  groupQueryAttention,
  multiHeadAttention,
  standardAttention,
  spelledOutAttention,
];

const registered: AttentionFamily[] = [];

/** Every attention family that is understood, tried in this order. */
export function attentionFamilies(): readonly AttentionFamily[] {
  return [...registered, ...own];
}

/**
 * Teaches every later reading of a graph another attention family. It is asked before those that were there.
 * Registering the same one again changes nothing.
 *
 * @throws TransPruneError INVALID_ARGUMENT for another family of a name that is taken
 */
export function registerAttentionFamily(family: AttentionFamily): void {
  const known = attentionFamilies().find(({ name }) => name === family.name);
  if (known === family) return;
  if (known) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected an attention family of a name of its own, got another one named ${family.name}; taken are ${attentionFamilies()
        .map(({ name }) => name)
        .join(', ')}`,
      { name: family.name },
    );
  }
  registered.unshift(family);
}
