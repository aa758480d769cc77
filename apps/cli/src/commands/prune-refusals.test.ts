/** Whatever is wrong: a clear message, the right exit code, and the folder as it was. */
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportedDecoder } from '@transprune/fixtures';
import { relocateExternalData } from '@transprune/onnx';
import { describe, expect, test } from 'vitest';
import { alteredDecoder, copyDecoder, dataName, officialDecoder } from '../../testing/models.js';
import { temporaryFolder, transprune } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';

/** Runs prune on what `prepare` makes of a folder, and checks that nothing else came of it. */
async function refused(
  prepare: (folder: string) => Promise<string>,
  parameters: readonly string[] = [],
  output = 'pruned.onnx',
) {
  const folder = await temporaryFolder();
  const input = await prepare(folder);
  const before = (await readdir(folder, { recursive: true })).sort();
  const outcome = await transprune('prune', input, '-o', join(folder, output), ...parameters);
  expect((await readdir(folder, { recursive: true })).sort()).toEqual(before);
  expect(outcome.stdout).toBe('');
  expect(outcome.stderr).toMatch(/^error: .+\n$/m);
  return outcome;
}

describe('the model', () => {
  const file = (content: Uint8Array | string) => async (folder: string) => {
    const path = join(folder, 'model.onnx');
    await writeFile(path, content);
    return path;
  };

  test.each([0.05, 0.5, 0.999])('cut off at %d of its length', async (share) => {
    const { exitCode, stderr } = await refused(async (folder) => {
      const bytes = await readFile(officialDecoder);
      return file(bytes.subarray(0, Math.floor(share * bytes.length)))(folder);
    });
    expect(exitCode).toBe(exitCodes.unsupportedModel);
    expect(stderr).toMatch(/truncated or of another format/);
  });

  test.each([
    ['empty', ''],
    ['text', 'This is no model.\n'],
    ['an image', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13)],
  ])('%s', async (_, content) => {
    const { exitCode, stderr } = await refused(file(content));
    expect(exitCode).toBe(exitCodes.unsupportedModel);
    expect(stderr).toMatch(/expected an ONNX model/);
  });

  test('an encoder', async () => {
    const { exitCode, stderr } = await refused((folder) =>
      alteredDecoder(folder, ({ graph }) => {
        if (!graph) return;
        graph.input = graph.input.slice(0, 1);
        for (const input of graph.input) input.name = 'pixel_values';
      }),
    );
    expect(exitCode).toBe(exitCodes.unsupportedModel);
    expect(stderr).toMatch(/expected an input inputs_embeds .*, found pixel_values/);
  });

  test('without cache inputs', async () => {
    const { exitCode, stderr } = await refused((folder) =>
      alteredDecoder(folder, ({ graph }) => {
        if (graph) graph.input = graph.input.filter(({ name }) => !name.startsWith('past_'));
      }),
    );
    expect(exitCode).toBe(exitCodes.unsupportedModel);
    expect(stderr).toMatch(/layer 1: expected past_key_values.0.key among the inputs/);
  });

  test('pruned already', async () => {
    const { exitCode, stderr } = await refused(async (folder) => {
      const path = join(folder, 'once.onnx');
      await transprune('prune', await copyDecoder(folder), '-o', path);
      return path;
    });
    expect(exitCode).toBe(exitCodes.unsupportedModel);
    expect(stderr).toMatch(/not pruned yet/);
  });

  test('not there', async () => {
    const { exitCode, stderr } = await refused(async (folder) => join(folder, 'none.onnx'));
    expect(exitCode).toBe(exitCodes.notFound);
    expect(stderr).toContain('none.onnx');
  });

  test('a folder without a model', async () => {
    const { exitCode, stderr } = await refused(async (folder) => folder);
    expect(exitCode).toBe(exitCodes.notFound);
    expect(stderr).toMatch(/decoder_model_merged\.onnx/);
  });

  test.each([[[]], [['--dry-run']]])('without its data file %j', async (parameters) => {
    const { exitCode, stderr } = await refused(async (folder) => {
      const path = await copyDecoder(folder);
      await rm(join(folder, dataName));
      return path;
    }, parameters);
    expect(exitCode).toBe(exitCodes.notFound);
    expect(stderr).toContain(dataName);
  });
});

describe('the plan', () => {
  const stages = (layers: string, ratios: string) => ['--prune-after', layers, '--keep', ratios];
  test.each([
    ['ratios that rise', stages('3,6', '.25,.5'), /must not rise .* got 0\.5 after 0\.25/],
    ['a ratio of 0', stages('3', '0'), /above 0 and at most 1, got 0/],
    ['a ratio over 1', stages('3', '1.5'), /above 0 and at most 1, got 1\.5/],
    ['a ratio below 0', stages('3', '-0.5'), /above 0 and at most 1, got -0\.5/],
    ['a prune after the last layer', stages('14', '.5'), /from 1 to 13 .* got 14/],
    ['a prune beyond the model', stages('99', '.5'), /from 1 to 13 .* got 99/],
    ['a prune before the first layer', stages('0', '.5'), /from 1 to 13 .* got 0/],
    ['prunes out of order', stages('6,3', '.5,.25'), /prune layers must rise/],
    ['a ratio too few', stages('3,6', '.5'), /as many entries each, got 2 and 1/],
    ['no ratios', ['--prune-after', '3'], /as many entries each, got 1 and none/],
    ['accumulation beyond the model', [...stages('3', '.5'), '--accumulate', '3,20'], /got 20/],
    ['accumulation that comes late', [...stages('3', '.5'), '--accumulate', '4'], /at or before/],
  ])('%s', async (_, parameters, message) => {
    const { exitCode, stderr } = await refused(copyDecoder, parameters);
    expect(exitCode).toBe(exitCodes.usage);
    expect(stderr).toMatch(message);
  });
});

describe('options that do not go together', () => {
  test.each(['--batch', '--runtime-ratios', '--instruction-mask', '--per-image'])(
    '%s without a prune',
    async (option) => {
      const { exitCode, stderr } = await refused(copyDecoder, ['--preset', 'none', option]);
      expect(exitCode).toBe(exitCodes.usage);
      expect(stderr).toContain(`expected a plan that prunes with ${option}`);
    },
  );

  test('marks for a method that asks no attention', async () => {
    const parameters = ['--method', 'random', '--instruction-mask'];
    const { exitCode, stderr } = await refused(copyDecoder, parameters);
    expect(exitCode).toBe(exitCodes.usage);
    expect(stderr).toMatch(/--instruction-mask, got random/);
  });

  test('unknown positions', async () => {
    const { exitCode, stderr } = await refused(copyDecoder, ['--positions', 'shuffle']);
    expect(exitCode).toBe(exitCodes.usage);
    expect(stderr).toMatch(/Allowed choices are renumber, keep/);
  });

  test('kept positions with sliding windows', async () => {
    const parameters = ['--positions', 'keep', '--prune-after', '2', '--keep', '.5'];
    const { path } = exportedDecoder('mistral-window', 'dynamo-18');
    const { exitCode, stderr } = await refused(async () => path, parameters);
    expect(exitCode).toBe(exitCodes.unsupportedModel);
    expect(stderr).toMatch(/window of 16 tokens/);
    expect(stderr).toContain('use --positions renumber');
  });
});

describe('the target', () => {
  test('in a folder that is not there', async () => {
    const { exitCode, stderr } = await refused(copyDecoder, [], 'nowhere/pruned.onnx');
    expect(exitCode).toBe(exitCodes.failure);
    expect(stderr).toMatch(/expected to write .*nowhere.*no such file or folder/);
  });

  test('in a file', async () => {
    const { exitCode } = await refused(copyDecoder, [], `${dataName}/pruned.onnx`);
    expect(exitCode).toBe(exitCodes.failure);
  });

  test('a folder without a model', async () => {
    const { exitCode, stderr } = await refused(
      async (folder) => {
        await mkdir(join(folder, 'taken.onnx', 'inside'), { recursive: true });
        return copyDecoder(folder);
      },
      [],
      'taken.onnx',
    );
    expect(exitCode).toBe(exitCodes.failure);
    expect(stderr).toMatch(/expected to write/);
  });

  test.each(['model.onnx', dataName])('%s, which is read', async (output) => {
    const { exitCode, stderr } = await refused(copyDecoder, [], output);
    expect(exitCode).toBe(exitCodes.usage);
    expect(stderr).toMatch(/expected another file/);
  });

  test('that is there already needs --force, and stays without', async () => {
    const folder = await temporaryFolder();
    const input = await copyDecoder(folder);
    const output = join(folder, 'pruned.onnx');
    await writeFile(output, 'mine');
    const { exitCode, stderr } = await transprune('prune', input, '-o', output);
    expect(exitCode).toBe(exitCodes.usage);
    expect(stderr).toMatch(
      /which is there already; choose another name, or replace it with --force/,
    );
    expect(await readFile(output, 'utf8')).toBe('mine');
    const forced = await transprune('prune', input, '-o', output, '--force');
    expect(forced.exitCode).toBe(exitCodes.ok);
    expect((await readFile(output)).length).toBeGreaterThan(1000);
  });

  test.each([[[]], [['--force']], [['--verify', '--force']]])(
    'called as the link to the weights %j',
    async (parameters) => {
      const input = await copyDecoder(await temporaryFolder());
      const folder = await temporaryFolder();
      const output = join(folder, dataName);
      const { exitCode, stderr } = await transprune('prune', input, '-o', output, ...parameters);
      expect(exitCode).toBe(exitCodes.usage);
      expect(stderr).toMatch(/name of the link to the model's weights/);
      expect(await readdir(folder)).toEqual([]);
    },
  );

  test.skipIf(process.platform === 'win32')('that is the input, spelled differently', async () => {
    const folder = await temporaryFolder();
    const input = await copyDecoder(folder);
    const spelled = join(await temporaryFolder(), 'spelled');
    await symlink(folder, spelled);
    const before = await readFile(input);
    for (const name of ['model.onnx', dataName]) {
      const parameters = ['prune', input, '-o', join(spelled, name), '--force'];
      const { exitCode, stderr } = await transprune(...parameters);
      expect(exitCode).toBe(exitCodes.usage);
      expect(stderr).toMatch(/expected another file/);
    }
    expect(before.equals(await readFile(input))).toBe(true);
  });

  test.skipIf(process.platform === 'win32')('a device', async () => {
    const input = await copyDecoder(await temporaryFolder());
    const { exitCode, stderr } = await transprune('prune', input, '-o', '/dev/null', '--force');
    expect(exitCode).toBe(exitCodes.usage);
    expect(stderr).toMatch(/\/dev\/null, which is a device/);
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  test('where the name of the weights is taken gets them by another', async () => {
    const folder = await temporaryFolder();
    const input = await copyDecoder(folder);
    const elsewhere = join(folder, 'elsewhere');
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, dataName), 'mine');
    const output = join(elsewhere, 'pruned.onnx');
    const { exitCode, stderr } = await transprune('prune', input, '-o', output);
    expect(exitCode).toBe(exitCodes.ok);
    expect(stderr).toMatch(/linked .* as model\.onnx-2\.data beside/);
    expect(await readFile(join(elsewhere, dataName), 'utf8')).toBe('mine');
  });
});

describe('weights', () => {
  const lured = (location: string) => (folder: string) =>
    alteredDecoder(folder, (model) => {
      const { graph } = relocateExternalData(model, () => location);
      if (graph) model.graph = graph;
    });

  test.each(['../secret.key', '/etc/passwd', '/dev/zero', 'C:\\secret'])(
    'at %s are refused before anything is linked or read',
    async (location) => {
      for (const parameters of [[], ['--verify'], ['--dry-run', '--verify']]) {
        const { exitCode, stderr } = await refused(lured(location), parameters);
        expect(exitCode).toBe(exitCodes.unsupportedModel);
        expect(stderr).toContain(`below its own folder, got ${JSON.stringify(location)}`);
      }
    },
  );

  test.skipIf(process.platform === 'win32')('through a link that leads out', async () => {
    const { exitCode, stderr } = await refused(
      async (folder) => {
        await symlink('/dev/zero', join(folder, 'zero'));
        return lured('zero')(folder);
      },
      ['--verify'],
    );
    expect(exitCode).toBe(exitCodes.unsupportedModel);
    expect(stderr).toMatch(/got zero in .*a link to .dev.zero, outside the folder/);
  });
});

test.each(['no plan', '{}', '[]', '{"stages":3}'])('metadata with %s for a plan', async (value) => {
  const { exitCode, stderr } = await refused((folder) =>
    alteredDecoder(folder, (model) => {
      const entry = { $typeName: 'onnx.StringStringEntryProto', key: 'transprune.plan', value };
      model.metadataProps.push(entry as (typeof model.metadataProps)[0]);
    }),
  );
  expect(exitCode).toBe(exitCodes.unsupportedModel);
  expect(stderr).toMatch(/expected a pruning plan in the model's metadata/);
});
