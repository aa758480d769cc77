/** States of a convolution or a recurrence cannot be told of padding. */
import { describeSingles } from '../testing/batches.js';

describeSingles(['lfm2_vl', 'qwen3_5']);
