import { describeExports } from '../../testing/exported-engine.js';

describeExports([
  ['llama', 'torchscript-17'],
  ['llama', 'torchscript-17-float16'],
  ['llama', 'torchscript-17-no-positions'],
  ['llama', 'dynamo-18-float16'],
  ['llama', 'dynamo-23'],
  ['qwen2.5-vl', 'torchscript-17'],
  ['qwen3-vl', 'dynamo-23'],
]);
