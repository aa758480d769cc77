import { describeHubBatches } from '../testing/hub-batches.js';

describeHubBatches(['llava', 'idefics3', 'paligemma', 'qwen3_vl']);
