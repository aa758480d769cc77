import { createRegistry } from '../registry.js';
import type { AttentionFamily } from './family.js';
import { groupQueryAttention } from './group-query.js';
import { multiHeadAttention } from './multi-head.js';
import { spelledOutAttention } from './spelled-out.js';
import { standardAttention } from './standard.js';

const registry = createRegistry<AttentionFamily>('an attention family', [
  groupQueryAttention,
  multiHeadAttention,
  standardAttention,
  spelledOutAttention,
]);

/** Every attention family that is understood, tried in this order. */
export const attentionFamilies = registry.all;

/**
 * Teaches every later reading of a graph another attention family. It is asked before those that were there.
 * Registering the same one again changes nothing.
 *
 * @throws TransPruneError INVALID_ARGUMENT for another family of a name that is taken
 */
export const registerAttentionFamily = registry.register;
