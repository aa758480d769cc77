/** A sample; other classes are in the long suite. */
import { describeHubBatches } from '../testing/hub-batches.js';

describeHubBatches(['qwen2_5_vl']);
