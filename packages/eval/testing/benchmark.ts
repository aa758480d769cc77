/** Benchmarks on folders made by hand. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import type { OpenBenchmark } from '../src/benchmark.js';
import { benchmarks } from '../src/benchmarks/index.js';
import { Folder } from '../src/reading/folder.js';

/**
 * Opens a benchmark.
 *
 * @param files contents by path: text as it is, others as JSON
 */
export async function open(
  name: string,
  files: Readonly<Record<string, unknown>>,
): Promise<OpenBenchmark> {
  const root = await temporaryFolder();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    await writeFile(join(root, path), text);
  }
  const benchmark = benchmarks.find((each) => each.name === name);
  if (!benchmark) throw new Error(`no benchmark ${name}`);
  return benchmark.open(new Folder(root));
}

/** As JSON lines. */
export const lines = (...entries: readonly unknown[]) =>
  entries.map((entry) => JSON.stringify(entry)).join('\n');

/** What JSON lines hold. */
export const parsedLines = (text = ''): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** What short answers are asked with. */
export const suffix = '\nAnswer the question using a single word or phrase.';
