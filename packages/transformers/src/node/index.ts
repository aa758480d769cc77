import { dropIn } from '../drop-in.js';
import { nodePlatform } from './platform.js';

export type * from '../index.js';

export const { pruned, withPruning } = dropIn(nodePlatform);
