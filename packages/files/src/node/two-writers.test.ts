/** Writers into one folder: whatever one of them comes to, the others keep what they need. */
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import type { OnnxModel } from '@transprune/onnx';
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { copyDecoder, dataName } from '../../testing/models.js';
import { readModelFile } from './model-file.js';
import { type WriteOptions, writeModelFile } from './write-model.js';

let folder: string;
let sourcePath: string;
let model: OnnxModel;

beforeEach(async () => {
  folder = await temporaryFolder();
  sourcePath = await copyDecoder(folder);
  model = await readModelFile(sourcePath);
});

/** How a writer ends: at once, after turns of the event loop, and well or not. */
interface Writer {
  readonly start: number;
  readonly turns: number;
  readonly end: 'succeeds' | 'check fails' | 'is interrupted' | 'target turns into a folder';
}

const writers = fc.array(
  fc.record<Writer>({
    start: fc.nat(20),
    turns: fc.nat(40),
    end: fc.constantFrom('succeeds', 'check fails', 'is interrupted', 'target turns into a folder'),
  }),
  { minLength: 2, maxLength: 5 },
);

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function run(writer: Writer, target: string): Promise<void> {
  await turns(writer.start);
  const interruption = new AbortController();
  const options: WriteOptions = {
    sourcePath,
    signal: interruption.signal,
    async check() {
      await turns(writer.turns);
      if (writer.end === 'check fails') throw new Error('not good');
      if (writer.end === 'target turns into a folder')
        await mkdir(join(target, 'inside'), { recursive: true });
    },
  };
  const writing = writeModelFile(model, target, options);
  if (writer.end === 'is interrupted') {
    void turns(writer.turns).then(() => interruption.abort());
  }
  await writing;
}

test('a writer that fails takes nothing from one that succeeds', async () => {
  let round = 0;
  await fc.assert(
    fc.asyncProperty(writers, async (all) => {
      const output = join(folder, `${round++}`);
      await mkdir(output);
      const targets = all.map((_, i) => join(output, `${i}.onnx`));
      const outcomes = await Promise.allSettled(
        all.map((writer, i) => run(writer, targets[i] ?? '')),
      );
      const files = await readdir(output);
      const written = files.filter((name) => name.endsWith('.onnx') && name !== dataName);
      const succeeded = outcomes.flatMap(({ status }, i) =>
        status === 'fulfilled' ? [`${i}.onnx`] : [],
      );
      for (const [i, { end }] of all.entries()) {
        if (end === 'succeeds') expect(succeeded).toContain(`${i}.onnx`);
        if (end === 'check fails') expect(succeeded).not.toContain(`${i}.onnx`);
      }
      expect(written).toEqual(expect.arrayContaining(succeeded));
      // The link is there if anybody needs it, and only then; nothing temporary is.
      expect(files.includes(dataName)).toBe(succeeded.length > 0);
      expect(files.filter((name) => name.startsWith('.'))).toEqual([]);
      if (succeeded.length > 0) {
        expect((await stat(join(output, dataName))).ino).toBe(
          (await stat(join(folder, dataName))).ino,
        );
      }
      await rm(output, { recursive: true });
    }),
    { numRuns: 40 },
  );
});

test('two models with data of one name get a link each', async () => {
  const other = join(folder, 'other');
  const output = join(folder, 'output');
  await mkdir(other);
  await mkdir(output);
  const otherPath = await copyDecoder(other);
  await writeFile(join(other, dataName), 'other weights');
  const placed = await Promise.all([
    writeModelFile(model, join(output, 'a.onnx'), { sourcePath }),
    writeModelFile(model, join(output, 'b.onnx'), { sourcePath: otherPath }),
  ]);
  const [first, second] = placed.map(([placement]) => placement?.location ?? '');
  expect([first, second].sort()).toEqual(['model.onnx-2.data', dataName]);
  expect(await readFile(join(output, second ?? ''), 'utf8')).toBe('other weights');
  expect((await stat(join(output, first ?? ''))).ino).toBe(
    (await stat(join(folder, dataName))).ino,
  );
});
