/** Options of `serve` that are refused before anything is loaded. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeDevices } from '@transprune/backend-node';
import { modelDirectory } from '@transprune/small-model';
import { Command } from 'commander';
import { expect, onTestFinished, test } from 'vitest';
import { addServeCommand, type Surroundings } from './serve.js';

test.each<[string, string | undefined, RegExp]>([
  ['is not there', undefined, /which cannot be read \(ENOENT\)$/],
  ['has no key', ' \n\n', /which has none$/],
])('a file of keys that %s', async (_, text, expected) => {
  const folder = await mkdtemp(join(tmpdir(), 'transprune-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'keys');
  if (text !== undefined) await writeFile(file, text);
  await expect(serve('--api-keys', file)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(expected),
  });
});

test.each([
  ['a revision of a folder', ['--model', modelDirectory, '--revision', 'v1']],
  ['a revision of the small model', ['--revision', 'v1']],
])('%s', async (_, parameters) => {
  await expect(serve(...parameters)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/^expected a model on the hub with --revision, got the folder/),
  });
});

test('TRANSPRUNE_MODEL names the model where --model does not', async () => {
  const nothing = {
    code: 'NOT_FOUND',
    message: expect.stringMatching(/^TRANSPRUNE_MODEL: .*\/none/),
  };
  await expect(serveIn({ TRANSPRUNE_MODEL: '/none' })).rejects.toMatchObject(nothing);
  const other = serveIn({ TRANSPRUNE_MODEL: '/none' }, '--model', '/other');
  await expect(other).rejects.toThrow(/^expected a model: .*\/other/);
});

test.each(['https://images.example.org', 'images.example.org/x', '*'])(
  'no host of images: %s',
  async (host) => {
    await expect(serve('--image-host', host)).rejects.toThrow(/^expected a host of images/);
  },
);

test.each([
  ['a format', ['--format', 'q44'], /Allowed choices are fp32, .* \(did you mean q4\?\)\.$/],
  ['a preset', ['--preset', 'transprune-hgh'], /\(did you mean transprune-high\?\)\.$/],
  ['a device', ['--device', 'wbgpu'], /\(did you mean webgpu\?\)\.$/],
  ['a log level', ['--log-level', 'wran'], /\(did you mean warn\?\)\.$/],
  ['a limit', ['--limit', 'image=3'], /, got image \(did you mean images\?\)$/],
  ['an option', ['--prot', '3'], /unknown option '--prot'\n\(Did you mean --port\?\)$/],
])(
  '%s that was mistyped is told what it may have been meant to be',
  async (_, parameters, told) => {
    await expect(serve(...parameters)).rejects.toThrow(told);
  },
);

test('so is a command, and a device as it is called', async () => {
  await expect(running({}, 'srve')).rejects.toThrow(/'srve'\n\(Did you mean serve\?\)$/);
  const program = addServeCommand(new Command(), surroundings({}));
  const device = program.options.find(({ long }) => long === '--device');
  expect(device?.argChoices?.toSorted()).toEqual(['auto', ...nodeDevices].toSorted());
});

test('an address in use says which, and what to do, before the model is loaded', async () => {
  const other = createServer();
  onTestFinished(() => void other.close());
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  await expect(serve('--port', `${port}`, '--log-level', 'silent')).rejects.toMatchObject({
    code: 'BUSY',
    message: `expected an address to listen at, got 127.0.0.1 with port ${port}, where another program listens (EADDRINUSE); end that program, or choose another port with --port, 0 for any that is free`,
  });
});

const serve = (...parameters: readonly string[]) => serveIn({}, ...parameters);

const serveIn = (env: Env, ...parameters: readonly string[]) =>
  running(env, 'serve', ...parameters);

type Env = Readonly<Record<string, string>>;

function surroundings(env: Env): Surroundings {
  return { stdout: process.stdout, env, signal: new AbortController().signal };
}

async function running(env: Env, ...parameters: readonly string[]): Promise<void> {
  const program = new Command().exitOverride().configureOutput({ writeErr() {} });
  addServeCommand(program, surroundings(env));
  await program.parseAsync(parameters, { from: 'user' });
}
