import { bundled as bundle } from '@transprune/testing/bundled';
import { onTestFinished } from 'vitest';

/**
 * A program in one file, for the running test.
 *
 * @param name of a file in this folder, without its ending
 * @returns its path
 */
export async function bundled(name: string): Promise<string> {
  const entry = new URL(`${name}.ts`, import.meta.url);
  const { path, remove } = await bundle(entry, new URL('..', import.meta.url));
  onTestFinished(remove);
  return path;
}
