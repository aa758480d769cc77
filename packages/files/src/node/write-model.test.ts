import { execFileSync } from 'node:child_process';
import {
  chmod,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { externalLocations, type OnnxModel, relocateExternalData } from '@transprune/onnx';
import { beforeEach, describe, expect, test } from 'vitest';
import { failure } from '../../testing/failure.js';
import { copyDecoder, dataName, opens } from '../../testing/models.js';
import { readModelFile } from './model-file.js';
import { writeModelFile } from './write-model.js';

const isWindows = process.platform === 'win32';

let folder: string;
let elsewhere: string;
let sourcePath: string;
let model: OnnxModel;

beforeEach(async () => {
  folder = await temporaryFolder();
  elsewhere = join(folder, 'elsewhere');
  await mkdir(elsewhere);
  sourcePath = await copyDecoder(folder);
  model = await readModelFile(sourcePath);
});

const listing = async (path = folder) => (await readdir(path, { recursive: true })).sort();
const write = (path: string) => writeModelFile(model, path, { sourcePath });
const inode = async (path: string) => (await stat(path)).ino;

describe('the data', () => {
  test('beside the original is referred to as it is', async () => {
    const target = join(folder, 'pruned.onnx');
    expect(await write(target)).toMatchObject([
      { location: dataName, placement: 'inside', made: false },
    ]);
    expect(await opens(target)).toBe(true);
    expect(await listing()).toEqual(['elsewhere', 'model.onnx', dataName, 'pruned.onnx']);
  });

  test('in a folder below is referred to there', async () => {
    const below = join(folder, 'onnx');
    await mkdir(below);
    await rename(sourcePath, join(below, 'model.onnx'));
    await rename(join(folder, dataName), join(below, dataName));
    const target = join(folder, 'pruned.onnx');
    await writeModelFile(model, target, { sourcePath: join(below, 'model.onnx') });
    expect(externalLocations(await readModelFile(target))).toEqual([`onnx/${dataName}`]);
    expect(await opens(target)).toBe(true);
  });

  test('elsewhere is linked, its bytes are shared', async () => {
    const target = join(elsewhere, 'pruned.onnx');
    const placed = await write(target);
    expect(placed).toMatchObject([{ location: dataName, placement: 'linked', made: true }]);
    expect(await inode(join(elsewhere, dataName))).toBe(await inode(join(folder, dataName)));
    expect(await opens(target)).toBe(true);
    const first = await readFile(target);
    expect(await write(target)).toMatchObject([{ placement: 'linked', made: false }]);
    expect(first.equals(await readFile(target))).toBe(true);
    expect(await listing(elsewhere)).toEqual([dataName, 'pruned.onnx']);
  });

  test('gets another name where its own is taken', async () => {
    await writeFile(join(elsewhere, dataName), 'mine');
    const target = join(elsewhere, 'pruned.onnx');
    expect(await write(target)).toMatchObject([
      { location: 'model.onnx-2.data', placement: 'linked', made: true },
    ]);
    expect(await readFile(join(elsewhere, dataName), 'utf8')).toBe('mine');
    expect(await opens(target)).toBe(true);
    expect(await write(target)).toMatchObject([{ location: 'model.onnx-2.data', made: false }]);
  });

  test('of one name in two folders gets two links', async () => {
    for (const below of ['a', 'b']) {
      await mkdir(join(folder, below));
      await writeFile(join(folder, below, 'weights.bin'), below);
    }
    let count = 0;
    const half = model.graph?.initializer.filter(
      ({ externalData }) => externalData.length > 0,
    ).length;
    const twofold = relocateExternalData(model, () =>
      count++ < Number(half) / 2 ? 'a/weights.bin' : 'b/weights.bin',
    );
    const target = join(elsewhere, 'pruned.onnx');
    const placed = await writeModelFile(twofold, target, { sourcePath });
    expect(placed.map(({ location }) => location)).toEqual(['weights.bin', 'weights-2.bin']);
    expect(await readFile(join(elsewhere, 'weights.bin'), 'utf8')).toBe('a');
    expect(await readFile(join(elsewhere, 'weights-2.bin'), 'utf8')).toBe('b');
    expect(externalLocations(await readModelFile(target))).toEqual([
      'weights.bin',
      'weights-2.bin',
    ]);
  });

  test('is never read, however large it says it is', async () => {
    await truncate(join(folder, dataName), 20 * 2 ** 30);
    const target = join(elsewhere, 'pruned.onnx');
    await write(target);
    expect((await stat(target)).size).toBeLessThan(1_000_000);
    expect(await opens(target)).toBe(true);
  });

  test.skipIf(isWindows)(
    "in the hub's cache, where all files are links, is linked itself",
    async () => {
      const snapshot = join(folder, 'snapshot');
      await mkdir(snapshot);
      await symlink('../model.onnx', join(snapshot, 'model.onnx'));
      await symlink(`../${dataName}`, join(snapshot, dataName));
      sourcePath = join(snapshot, 'model.onnx');
      const beside = join(snapshot, 'pruned.onnx');
      expect(await write(beside)).toMatchObject([{ location: 'model.onnx-2.data' }]);
      expect(await opens(beside)).toBe(true);
      const target = join(elsewhere, 'pruned.onnx');
      expect(await write(target)).toMatchObject([{ location: dataName, placement: 'linked' }]);
      expect(await opens(target)).toBe(true);
    },
  );

  test.skipIf(isWindows)('that leads out is neither linked nor read', async () => {
    await writeFile(join(folder, '..', 'secret.key'), 'secret');
    await symlink('/dev/zero', join(folder, 'zero'));
    for (const location of ['../secret.key', '/dev/zero', 'zero']) {
      const lured = relocateExternalData(model, () => location);
      const target = join(elsewhere, 'pruned.onnx');
      expect(await failure(writeModelFile(lured, target, { sourcePath }))).toMatch(
        /^INVALID_MODEL/,
      );
    }
    expect(await listing(elsewhere)).toEqual([]);
  });
});

describe('the target', () => {
  test('is never one of the inputs, however it is spelled', async () => {
    const before = [await readFile(sourcePath), await inode(join(folder, dataName))];
    const spelled = join(elsewhere, 'spelled');
    const spellings = [
      sourcePath,
      join(folder, dataName),
      join(folder, 'elsewhere', '..', dataName),
    ];
    if (!isWindows) {
      await symlink(folder, spelled);
      await symlink(join(folder, dataName), join(elsewhere, 'link-to-data'));
      await link(sourcePath, join(elsewhere, 'link-to-model'));
      spellings.push(
        join(spelled, 'model.onnx'),
        join(spelled, dataName),
        join(elsewhere, 'link-to-data'),
        join(elsewhere, 'link-to-model'),
      );
    }
    const listed = await listing();
    for (const path of spellings) {
      expect(await failure(write(path)), path).toMatch(
        /^INVALID_ARGUMENT: expected another file than/,
      );
    }
    expect(await listing()).toEqual(listed);
    expect([await readFile(sourcePath), await inode(join(folder, dataName))]).toEqual(before);
  });

  test('is never an input that is reached through a linked folder', async () => {
    if (isWindows) return;
    const spelled = join(elsewhere, 'spelled');
    await symlink(folder, spelled);
    const source = join(spelled, 'model.onnx');
    for (const name of ['model.onnx', dataName]) {
      const attempt = writeModelFile(model, join(folder, name), { sourcePath: source });
      expect(await failure(attempt)).toMatch(/^INVALID_ARGUMENT: expected another file than/);
    }
  });

  test('may not have the name of a link that it needs', async () => {
    expect(await failure(write(join(elsewhere, dataName)))).toMatch(
      /^INVALID_ARGUMENT: .*name of the link to the model's weights/,
    );
    await writeFile(join(elsewhere, dataName), 'mine');
    expect(await failure(write(join(elsewhere, 'model.onnx-2.data')))).toMatch(/^INVALID_ARGUMENT/);
    expect(await listing(elsewhere)).toEqual([dataName]);
    expect(await readFile(join(elsewhere, dataName), 'utf8')).toBe('mine');
  });

  test('that is there is replaced only if that is allowed', async () => {
    const target = join(elsewhere, 'pruned.onnx');
    await writeFile(target, 'mine');
    const careful = writeModelFile(model, target, { sourcePath, ifExists: 'refuse' });
    expect(await failure(careful)).toMatch(
      /^INVALID_ARGUMENT: .*which is there already; .*replace it \(ifExists: 'replace'\)/,
    );
    expect(await listing(elsewhere)).toEqual(['pruned.onnx']);
    expect(await readFile(target, 'utf8')).toBe('mine');
    await write(target);
    expect(await opens(target)).toBe(true);
  });

  test('that comes while the model is checked is not replaced either', async () => {
    const target = join(elsewhere, 'pruned.onnx');
    const attempt = writeModelFile(model, target, {
      sourcePath,
      ifExists: 'refuse',
      check: () => writeFile(target, 'mine'),
    });
    expect(await failure(attempt)).toMatch(/^INVALID_ARGUMENT: .*there already/);
    expect(await listing(elsewhere)).toEqual(['pruned.onnx']);
    expect(await readFile(target, 'utf8')).toBe('mine');
  });

  test.skipIf(isWindows)('as a link is replaced itself, not what it leads to', async () => {
    const target = join(elsewhere, 'pruned.onnx');
    await writeFile(join(folder, 'other'), 'mine');
    await symlink('../other', target);
    const careful = writeModelFile(model, target, { sourcePath, ifExists: 'refuse' });
    expect(await failure(careful)).toMatch(/^INVALID_ARGUMENT: .*there already/);
    expect(await readlink(target)).toBe('../other');
    await write(target);
    expect((await lstat(target)).isFile()).toBe(true);
    expect(await readFile(join(folder, 'other'), 'utf8')).toBe('mine');
  });

  test.skipIf(isWindows)('is no pipe and no device', async () => {
    const pipe = join(elsewhere, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(await failure(write(pipe))).toMatch(/^INVALID_ARGUMENT: .*a named pipe; choose/);
    expect((await stat(pipe)).isFIFO()).toBe(true);
    expect(await failure(write('/dev/null'))).toMatch(/^INVALID_ARGUMENT: .*a device; choose/);
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  test('that cannot be is explained, and leaves nothing behind', async () => {
    await mkdir(join(elsewhere, 'occupied.onnx', 'inside'), { recursive: true });
    const listed = await listing();
    const cases = [
      [join(folder, 'nowhere', 'pruned.onnx'), /no such file or folder; check that the folder/],
      [join(folder, dataName, 'pruned.onnx'), /through something that is no folder/],
      [join(elsewhere, 'x'.repeat(300)), /a name that is too long/],
      [join(elsewhere, 'occupied.onnx'), /a folder; name a file in it/],
      [elsewhere, /a folder; name a file in it/],
    ] as const;
    for (const [path, message] of cases) {
      const said = await failure(write(path));
      expect(said).toMatch(/^WRITE_FAILED: expected to write/);
      expect(said).toMatch(message);
    }
    expect(await listing()).toEqual(listed);
  });

  test('may have the longest name that there is', async () => {
    const target = join(elsewhere, `${'x'.repeat(250)}.onnx`);
    await write(target);
    expect(await opens(target)).toBe(true);
  });

  test.skipIf(isWindows || process.getuid?.() === 0)('may not be written', async () => {
    await chmod(elsewhere, 0o555);
    expect(await failure(write(join(elsewhere, 'pruned.onnx')))).toMatch(
      /^WRITE_FAILED: .*no permission/,
    );
    await chmod(elsewhere, 0o755);
  });
});

describe('a check before the model gets its name', () => {
  test.each(['', 'elsewhere'])('sees a model that loads (%s)', async (below) => {
    const target = join(folder, below, 'pruned.onnx');
    const seen: (string | undefined)[] = [];
    await writeModelFile(model, target, {
      sourcePath,
      check: async (path) => {
        seen.push(path);
        expect(path !== undefined && (await opens(path))).toBe(true);
        expect(await stat(target).catch(() => 'none')).toBe('none');
        if (below) expect(await readdir(elsewhere)).not.toContain(dataName);
      },
    });
    expect(seen).toHaveLength(1);
    expect(await opens(target)).toBe(true);
    expect((await listing()).filter((name) => name.includes('.transprune'))).toEqual([]);
  });

  test('that throws leaves what was there before', async () => {
    const target = join(elsewhere, 'pruned.onnx');
    await writeFile(target, 'mine');
    const check = () => Promise.reject(new Error('not good'));
    await expect(writeModelFile(model, target, { sourcePath, check })).rejects.toThrow('not good');
    expect(await listing(elsewhere)).toEqual(['pruned.onnx']);
    expect(await readFile(target, 'utf8')).toBe('mine');
  });

  test('is not waited for after an interruption, and nothing is left', async () => {
    const interruption = new AbortController();
    const target = join(elsewhere, 'pruned.onnx');
    const check = () => {
      setImmediate(() => interruption.abort());
      return new Promise<void>(() => {});
    };
    const { signal } = interruption;
    const attempt = writeModelFile(model, target, { sourcePath, check, signal });
    await expect(attempt).rejects.toThrow(/abort/);
    expect(await listing(elsewhere)).toEqual([]);
  });
});
