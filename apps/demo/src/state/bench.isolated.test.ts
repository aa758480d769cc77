import { expect, test, vi } from 'vitest';
import { benchFailure, showBench, showBenchFile } from './bench.js';
import { status } from './store.js';

vi.hoisted(() => vi.stubGlobal('navigator', {}));

test('a file that cannot be read is told of, such as a folder that was dropped', async () => {
  const folder = new File([], 'folder');
  folder.text = () => Promise.reject(new DOMException('it is a folder', 'NotFoundError'));
  await showBenchFile(folder);
  expect(benchFailure.value).toBe('folder cannot be read: it is a folder');
  expect(status.value).toBe('No benchmark: folder cannot be read: it is a folder');
});

test('what is something else is told by its first fault', () => {
  showBench('{}', 'theirs.json');
  expect(benchFailure.value).toMatch(
    /^theirs\.json: expected the JSON of a benchmark, .*, got: Invalid input: .* → at model; and \d+ more$/,
  );
  showBench('null', 'theirs.json');
  expect(benchFailure.value).toMatch(/got: Invalid input: expected object, received null$/);
});
