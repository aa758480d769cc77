/** What names stand for; the rest of the rules is tested where they are typed, in the command line. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { expect, onTestFinished, test } from 'vitest';
import { namedPlace, placeOf } from './place.js';

/** A working folder with `owner/name` and `owner/decoder.onnx` in it. */
async function enter(): Promise<void> {
  const before = process.cwd();
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'owner', 'name'), { recursive: true });
  await writeFile(join(folder, 'owner', 'decoder.onnx'), '');
  process.chdir(folder);
  onTestFinished(() => process.chdir(before));
}

test.each([
  ['owner/name', undefined, { folder: 'owner/name' }],
  ['owner/name', 'v1', { hub: 'owner/name' }],
  ['owner/other', undefined, { hub: 'owner/other' }],
  ['./owner/name', undefined, { folder: './owner/name' }],
  ['owner/decoder.onnx', undefined, { file: 'owner/decoder.onnx' }],
])('%s at revision %s', async (name, revision, expected) => {
  await enter();
  expect(await placeOf(name, revision)).toEqual(expected);
});

test.each([
  ['./owner/other', undefined, /^expected a model: .* got \.\/owner\/other, and nothing is there$/],
  ['other', undefined, /got other, which is neither$/],
  ['./owner/name', 'v1', /with --revision, got the folder \.\/owner\/name; leave --revision out$/],
  ['owner/decoder.onnx', 'v1', /with --revision, got the file owner\/decoder\.onnx/],
])('%s at revision %s is refused', async (name, revision, message) => {
  await enter();
  await expect(placeOf(name, revision)).rejects.toThrow(message);
});

test('a name goes before TRANSPRUNE_MODEL, which goes before none', async () => {
  await enter();
  const env = { TRANSPRUNE_MODEL: 'owner/other' };
  expect(await namedPlace('owner/name', undefined, env)).toEqual({ folder: 'owner/name' });
  expect(await namedPlace(undefined, undefined, env)).toEqual({ hub: 'owner/other' });
  expect(await namedPlace(undefined, undefined, {})).toBeUndefined();
  expect(await namedPlace(undefined, undefined, { TRANSPRUNE_MODEL: '' })).toBeUndefined();
  await expect(namedPlace(undefined, undefined, { TRANSPRUNE_MODEL: 'other' })).rejects.toThrow(
    /^TRANSPRUNE_MODEL: expected a model: .* got other, which is neither$/,
  );
});
