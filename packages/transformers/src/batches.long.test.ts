import { describeBatches } from '../testing/batches.js';

describeBatches(['gemma4', 'idefics3', 'lfm2_vl', 'paligemma', 'qwen2_5_vl', 'qwen3_vl']);
