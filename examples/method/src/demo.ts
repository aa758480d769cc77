import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { methodOf } from '@transprune/core';
import { modelDirectory } from '@transprune/embedded-model';
import { readModelFile } from '@transprune/files/node';
import { modelPreset, publishedCost } from '@transprune/flops';
import { pruneModel, readPlan } from '@transprune/onnx';
import { verifyPruned } from '@transprune/verify';
import { fastV, fastVPlan } from './index.js';

// The graph's score is held against the same formula on arrays.
const original = await readModelFile(join(modelDirectory, 'onnx', 'decoder_model_merged.onnx'));
const plan = fastVPlan();
const { passed, checks } = await verifyPruned({ original, plan, backend: nodeBackend });
for (const { name, passed } of checks) console.log(passed ? 'ok:' : 'FAILED:', name);
console.log('passed:', passed);

// A pruned file names its method; what scores with it needs the method itself.
const read = readPlan(pruneModel(original, plan).model);
if (!read) throw new Error('expected a plan in the pruned file');
console.log('in the file:', read.method);
try {
  methodOf(read);
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
}
console.log('found again:', methodOf({ ...read, method: fastV }).summary);

// The paper's figure: 2.01.
const llava = modelPreset('llava-1.5-7b');
console.log((publishedCost(llava, plan, llava.imageTokens) / 1e12).toFixed(2), 'TFLOPs');
