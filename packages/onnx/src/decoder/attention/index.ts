import type { AttentionFamily } from './family.js';
import { groupQueryAttention } from './group-query.js';
import { multiHeadAttention } from './multi-head.js';
import { spelledOutAttention } from './spelled-out.js';
import { standardAttention } from './standard.js';

/** Every attention family that is understood, tried in this order. */
export const attentionFamilies: readonly AttentionFamily[] = [
  groupQueryAttention,
  multiHeadAttention,
  standardAttention,
  spelledOutAttention,
];
