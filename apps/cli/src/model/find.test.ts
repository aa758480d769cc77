/** Models of the hub through the commands: fetched once, checked, kept, and told apart from folders. */
import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hubFolder } from '@transprune/fixtures';
import * as faults from '@transprune/fixtures/hub-faults';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkRepository, closedAddress, pathsOf, useEndpoint, useHub } from '../../testing/hub.js';
import { capturingIo, temporaryFolder, transprune, transpruneWith } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';
import { main } from '../main.js';

const image = join(samplesDirectory, 'scene-1.png');
const question = 'what color is the heart?';
const model = ['--model', 'owner/name'];
const run = ['run', image, question, ...model];
const decoderPath = 'onnx/decoder_model_merged.onnx';

describe('run', () => {
  test('from nothing to an answer, and again without a network', async () => {
    const hub = await useHub(modelDirectory);
    const first = await transprune(...run);
    expect(first).toMatchObject({ exitCode: exitCodes.ok, stdout: 'purple\n' });
    expect(first.stderr).toMatch(
      /fetching owner\/name at main\nowner\/name: vision encoder fp32, embeddings fp32, decoder fp32\nfetched owner\/name\n/,
    );
    const asked = hub.requests.length;
    for (const parameters of [[], ['--offline']]) {
      const again = await transprune(...run, ...parameters);
      expect(again).toMatchObject({ exitCode: exitCodes.ok, stdout: 'purple\n' });
      expect(again.stderr).not.toContain('fetching');
    }
    const { stdout } = await transprune(...run, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ model: 'owner/name' });
    expect(hub.requests.length).toBe(asked);
  });

  test('a repository with data files and no chat_template.jinja', () =>
    checkRepository('idefics3'));

  test('goes on where a connection broke, and says so', async () => {
    const hub = await useHub(modelDirectory, { answers: { [decoderPath]: [faults.cutAt(0.6)] } });
    const { exitCode, stdout, stderr } = await transprune(...run);
    expect([exitCode, stdout]).toEqual([exitCodes.ok, 'purple\n']);
    expect(stderr).toMatch(/decoder_model_merged\.onnx: .*broke after .* trying again in 1 s/);
    const ranges = hub.stored.filter(({ path }) => path === decoderPath).map(({ range }) => range);
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]/)]);
  });

  test('two at once fetch it once', async () => {
    const hub = await useHub(modelDirectory);
    const both = await Promise.all([transprune(...run), transprune(...run)]);
    expect(both.map(({ stdout }) => stdout)).toEqual(['purple\n', 'purple\n']);
    expect(pathsOf(hub.stored).sort()).toEqual([...new Set(pathsOf(hub.stored))].sort());
  });

  test('an interrupted download is gone on with', async () => {
    const hub = await useHub(modelDirectory, { answers: { [decoderPath]: [faults.stallAt(0.5)] } });
    const interruption = new AbortController();
    const io = capturingIo(interruption.signal);
    const running = main(run, io);
    await expect.poll(() => pathsOf(hub.stored)).toContain(decoderPath);
    interruption.abort();
    expect(await running).toBe(exitCodes.interrupted);
    expect(io.stdout.text()).toBe('');
    expect(await transprune(...run)).toMatchObject({ stdout: 'purple\n' });
  });

  test('shows how far the download is, on a terminal', async () => {
    await useHub(modelDirectory);
    const io = capturingIo();
    const stderr = { ...io.stderr, isTTY: true };
    expect(await main(run, { ...io, stderr, env: { COLUMNS: '60' } })).toBe(exitCodes.ok);
    expect(io.stderr.text()).toMatch(/onnx\/decoder_model_merged\.onnx: [\d.]+ \w?B of [\d.]+ MB/);
    for (const line of io.stderr.text().split(/\r|\n/)) {
      if (line.includes(' MB of '))
        expect(line.length).toBeLessThanOrEqual(60 + '\u001b[2K'.length);
    }
  });
});

describe('formats', () => {
  test('the one that is asked for, where there is one', async () => {
    const hub = await useHub(hubFolder('llava'));
    const limit = ['--max-new-tokens', '2', '--prune-after', '2', '--keep', '.5'];
    const { exitCode, stderr } = await transprune(...run, ...limit, '--format', 'q4');
    expect(stderr).toContain('owner/name: vision encoder q4, embeddings q4, decoder q4\n');
    expect(exitCode).toBe(exitCodes.ok);
    expect(pathsOf(hub.stored).every((path) => path.endsWith('_q4.onnx'))).toBe(true);
  });

  test('what there is is named where it is missing', async () => {
    await useHub(hubFolder('llava'));
    const { exitCode, stderr } = await transprune(...run, '--format', 'q4f16');
    expect(exitCode).toBe(exitCodes.notFound);
    expect(stderr).toMatch(/expected onnx\/decoder_model_merged_q4f16\.onnx .* there are onnx\//);
  });

  test('a folder with another format than float32 is opened in it, aloud', async () => {
    const folder = await temporaryFolder();
    await cp(hubFolder('llava'), folder, {
      recursive: true,
      filter: (path) => !path.includes('decoder_model_merged') || path.endsWith('_q4.onnx'),
    });
    const limit = ['--max-new-tokens', '2', '--prune-after', '2', '--keep', '.5'];
    const { exitCode, stderr } = await transprune(
      'run',
      image,
      question,
      '--model',
      folder,
      ...limit,
    );
    expect(stderr).toContain('embeddings fp32, decoder q4\n');
    expect(exitCode).toBe(exitCodes.ok);
  });
});

test('prune fetches the decoder alone', async () => {
  const hub = await useHub(modelDirectory);
  const parameters = ['owner/name', '-o', 'pruned.onnx', '--dry-run', '--no-check'];
  const { exitCode, stderr } = await transprune('prune', ...parameters);
  expect(stderr).toContain('owner/name: decoder fp32\n');
  expect(exitCode).toBe(exitCodes.ok);
  expect(pathsOf(hub.stored)).toEqual([decoderPath]);
});

describe('names', () => {
  /** A working folder of the test's own. */
  async function enter(): Promise<string> {
    const before = process.cwd();
    const folder = await temporaryFolder();
    process.chdir(folder);
    onTestFinished(() => process.chdir(before));
    return folder;
  }

  test('what is here goes before the hub, unless a revision is asked for', async () => {
    const folder = await enter();
    const hub = await useHub(modelDirectory);
    await mkdir(join(folder, 'owner'));
    await cp(modelDirectory, join(folder, 'owner', 'name'), { recursive: true });
    expect(await transprune(...run)).toMatchObject({ stdout: 'purple\n' });
    expect(hub.requests).toEqual([]);
    await transprune(...run, '--revision', 'v1');
    expect(hub.requests).not.toEqual([]);
  });

  test.each([
    ['one word', 'name', /or an id on the hub such as owner\/name; got name, which is neither/],
    ['a path', './owner/name', /got \.\/owner\/name, and nothing is there/],
    ['three parts', 'a/b/c', /got a\/b\/c, and nothing is there/],
    ['a file', 'owner/model.onnx', /got owner\/model\.onnx, and nothing is there/],
    ['no id', 'owner/..', /got owner\/\.\., which is neither/],
  ])('%s is no id', async (_, name, message) => {
    await enter();
    const cache = await useEndpoint(await closedAddress());
    const { exitCode, stderr } = await transprune('run', image, question, '--model', name);
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(exitCodes.notFound);
    expect(await readdir(cache)).toEqual([]);
  });

  test.each([
    ['a revision of a folder', ['--model', modelDirectory, '--revision', 'v1']],
    ['a revision of the small model', ['--revision', 'v1']],
  ])('%s', async (_, parameters) => {
    const { exitCode, stderr } = await transprune('run', image, question, ...parameters);
    expect(stderr).toMatch(/expected a model on the hub with --revision, got the folder/);
    expect(exitCode).toBe(exitCodes.usage);
  });

  test('a format of a file', async () => {
    const file = join(modelDirectory, decoderPath);
    const { exitCode, stderr } = await transprune('inspect', file, '--format', 'q4');
    expect(stderr).toMatch(/expected a model on the hub with --format, got the file/);
    expect(exitCode).toBe(exitCodes.usage);
  });
});

describe('TRANSPRUNE_MODEL', () => {
  /** Asks without `--model`. */
  const askWith = (TRANSPRUNE_MODEL: string | undefined, ...parameters: string[]) =>
    transpruneWith({ env: { TRANSPRUNE_MODEL } }, 'run', image, question, ...parameters);

  test.each([undefined, ''])('%j: the small model that comes along', async (unset) => {
    const { exitCode, stdout } = await askWith(unset, '--max-new-tokens', '1', '--json');
    expect(exitCode).toBe(exitCodes.ok);
    expect(JSON.parse(stdout)).toMatchObject({ imageTokens: 576 });
  });

  test('names a model of the hub', async () => {
    await useHub(modelDirectory);
    const { stdout, stderr } = await askWith('owner/name');
    expect(stderr).toContain('fetching owner/name at main\n');
    expect(stdout).toBe('purple\n');
  });

  test('that is none is named by the error, and nothing if there is --model', async () => {
    const { exitCode, stderr } = await askWith('nonsense');
    expect(exitCode).toBe(exitCodes.notFound);
    expect(stderr).toMatch(/^error: TRANSPRUNE_MODEL: expected a model: .* got nonsense, which is/);
    const named = await askWith('nonsense', '--model', modelDirectory);
    expect(named).toMatchObject({ exitCode: exitCodes.ok, stdout: 'purple\n' });
  });
});

describe('a hub that gives nothing', () => {
  test.each<[string, Parameters<typeof useHub>[1], RegExp, number]>([
    [
      'no such model',
      { files: { 'config.json': null } },
      /config\.json in the model owner\/name, found none/,
      exitCodes.notFound,
    ],
    [
      'a private model',
      { answers: { 'config.json': faults.always(faults.status(401)) } },
      /status 401.*HF_TOKEN/,
      exitCodes.notFound,
    ],
    [
      'a web page',
      { answers: { 'config.json': faults.always(faults.page()) } },
      /got a web page/,
      exitCodes.failure,
    ],
    [
      'a damaged file',
      { answers: { [decoderPath]: faults.always(faults.damaged) } },
      /SHA-256/,
      exitCodes.failure,
    ],
  ])('%s', async (_, options, message, expected) => {
    await useHub(modelDirectory, options);
    const { exitCode, stdout, stderr } = await transprune(...run);
    expect(stderr).toMatch(message);
    expect([exitCode, stdout]).toEqual([expected, '']);
  });

  test('an address where nobody answers says so', async () => {
    await useEndpoint(await closedAddress());
    const { exitCode, stderr } = await transprune(...run);
    expect(stderr).toMatch(/127\.0\.0\.1:\d+\/.*got no connection \(\w+\); check the network/);
    expect(exitCode).toBe(exitCodes.notFound);
  });

  test('without a network nothing is asked', async () => {
    const hub = await useHub(modelDirectory);
    const { exitCode, stderr } = await transprune(...run, '--offline');
    expect(stderr).toMatch(/expected all files of owner\/name .* fetch the model once/);
    expect(exitCode).toBe(exitCodes.notFound);
    expect(hub.requests).toEqual([]);
  });
});
