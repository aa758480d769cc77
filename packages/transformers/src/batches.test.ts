/** A sample, attention alone and beside states; other classes are in the long suite. */
import { describeBatches } from '../testing/batches.js';

describeBatches(['llava', 'qwen3_5']);
