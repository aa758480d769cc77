/** A sample; other layouts are in the long suite. */
import { describeBatches } from '../../testing/batches.js';

describeBatches([['grouped queries, rotated inside', {}]]);
