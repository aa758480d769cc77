/** A sample; other classes are in the long suite. */
import { describeBatches } from '../testing/batches.js';

describeBatches(['llava']);
