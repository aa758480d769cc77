import { join } from 'node:path';
import { presetPlan } from '@transprune/core';
import { modelDirectory } from '@transprune/embedded-model';
import { readModelFile } from '@transprune/files/node';
import { openSession } from '@transprune/session';
import { verifyPruned } from '@transprune/verify';
import { wasmBackend } from './index.js';

const original = await readModelFile(join(modelDirectory, 'onnx', 'decoder_model_merged.onnx'));
const { plan } = presetPlan('transprune-low', 16);
const { passed, device, checks } = await verifyPruned({ original, plan, backend: wasmBackend });
console.log(`${checks.length} checks on ${device}:`, passed ? 'all passed' : 'some failed');

try {
  await openSession(wasmBackend, { path: 'any.onnx' }, 'gpu');
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
}
