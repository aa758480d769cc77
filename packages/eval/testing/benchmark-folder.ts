import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { OpenBenchmark } from '../src/benchmark.js';
import { benchmarks } from '../src/benchmarks/index.js';
import { Folder } from '../src/reading/folder.js';

/**
 * A benchmark on a folder of these files, which is gone once it is read; its pictures, of which only the paths are kept,
 * with it.
 *
 * @param files contents by path: text as it is, others as JSON
 */
export async function openOn(
  name: string,
  files: Readonly<Record<string, unknown>>,
): Promise<OpenBenchmark> {
  const benchmark = benchmarks.find((each) => each.name === name);
  if (!benchmark) throw new Error(`no benchmark ${name}`);
  const root = await mkdtemp(join(tmpdir(), 'benchmark-'));
  try {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      await writeFile(join(root, path), text);
    }
    return await benchmark.open(new Folder(root));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** A JSON text a line. */
export const jsonLines = (...entries: unknown[]): string =>
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');

/** What a file of JSON lines holds. */
export const parsedLines = (text: string | undefined): Record<string, unknown>[] =>
  (text ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** What LLaVA's files ask with. */
export const shortly = 'Answer the question using a single word or phrase.';
