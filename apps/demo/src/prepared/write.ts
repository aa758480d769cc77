/**
 * `npm run prepare-traces`: writes what the page shows before a model is loaded, the prepared traces and small
 * forms of the example pictures.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { samplesDirectory } from '@transprune/embedded-model';
import sharp from 'sharp';
import { layers } from '../state/plan.js';
import { samples } from '../state/samples.js';
import { recordTrace } from './record.js';
import { preparedTraces } from './traces.js';

/** Digits of scores and times. */
const digits = 4;
/** Digits that colours can show. */
const mapDigits = 2;
const timedRounds = 9;
/** Side of a small picture, in pixels. */
const thumbnailSize = 64;

const folder = new URL('../../public/prepared/', import.meta.url);
await mkdir(folder, { recursive: true });
for (const { name, sample, question, plan } of Object.values(preparedTraces)) {
  // The layers are the unpruned model's, the same in each.
  const hasLayers = plan(layers).method !== 'random';
  const trace = await recordTrace(sample, question, plan(layers), { timedRounds, hasLayers });
  const small = { ...trace, layers: rounded(trace.layers, mapDigits) };
  await writeFile(new URL(`${name}.json`, folder), `${JSON.stringify(rounded(small, digits))}\n`);
  console.log(name, trace.pruned.text, trace.stages.map(({ kept }) => kept.length).join(' '));
}

for (const { name } of samples) {
  const small = fileURLToPath(new URL(`${name}.webp`, folder));
  await sharp(join(samplesDirectory, `${name}.png`))
    .resize(thumbnailSize)
    .webp({ quality: 60 })
    .toFile(small);
}

/** The same with fewer digits in all numbers that are not whole. */
function rounded<T>(value: T, precision: number): T {
  const text = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'number' && !Number.isInteger(part)
      ? Number(part.toPrecision(precision))
      : part,
  );
  return JSON.parse(text);
}
