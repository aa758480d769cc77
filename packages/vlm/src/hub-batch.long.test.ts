import { describeHubBatches } from '../testing/hub-batches.js';

describeHubBatches(['gemma4', 'llava', 'idefics3', 'paligemma', 'qwen3_vl']);
