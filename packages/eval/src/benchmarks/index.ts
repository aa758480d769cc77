import type { Benchmark } from '../benchmark.js';
import { gqa } from './gqa.js';
import { mmbench, mmbenchCircular } from './mmbench.js';
import { mme } from './mme.js';
import { own } from './own.js';
import { pope } from './pope.js';
import { scienceqa } from './scienceqa.js';
import { seed } from './seed.js';
import { textvqa, vqav2 } from './vqa.js';

/** Every benchmark; a new one is a file beside these and a line here. */
export const benchmarks: readonly Benchmark[] = [
  mme,
  scienceqa,
  gqa,
  mmbench,
  mmbenchCircular,
  pope,
  textvqa,
  vqav2,
  seed,
  own,
];
