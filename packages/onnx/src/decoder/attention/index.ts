import type { AttentionFamily } from './family.js';
import { groupQueryAttention } from './group-query.js';

/** Every attention family that is understood, tried in this order. */
export const attentionFamilies: readonly AttentionFamily[] = [groupQueryAttention];
