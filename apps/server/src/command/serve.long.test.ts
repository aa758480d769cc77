/** The program as it is built. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { hubFolder } from '@transprune/fixtures';
import { fakeHub } from '@transprune/fixtures/fake-hub';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { expect, onTestFinished, test } from 'vitest';
import { client } from '../../testing/server.js';

const program = fileURLToPath(new URL('../../bin/transprune-server.js', import.meta.url));

const start = (...options: readonly string[]) => startIn({}, ...options);

function startIn(env: NodeJS.ProcessEnv, ...options: readonly string[]): ChildProcess {
  return node(env, program, 'serve', '--port', '0', ...options);
}

function node(env: NodeJS.ProcessEnv, ...parameters: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, parameters, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** How a program that does not start ends. */
async function failureOf(child: ChildProcess) {
  let errors = '';
  child.stderr?.on('data', (text) => {
    errors += text;
  });
  const [code] = await once(child, 'close');
  return { code, errors };
}

test('serves as its options say, and ends in order', async () => {
  const folder = await temporaryFolder();
  const keys = join(folder, 'keys');
  await writeFile(keys, 'one-key\nother-key\n');
  const child = start(
    ...['--name', 'small', '--preset', 'transprune-low', '--limit', 'images=2'],
    ...['--image-host', 'a.example.org', '--image-host', '*.example.com', '--api-keys', keys],
  );
  const [line] = await once(child.stdout!, 'data');
  const url = String(line).trim();
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(await (await fetch(`${url}/version`)).json()).toMatchObject({
    limits: { images: 2, active: 8 },
    image_hosts: ['a.example.org', '*.example.com'],
  });
  const { data } = await client(url, 'other-key').models.list();
  expect(data).toMatchObject([{ id: 'small', pruning: { preset: 'transprune-low' } }]);
  await expect(client(url, 'no-key').models.list()).rejects.toMatchObject({ status: 401 });
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('who ends `npm run server` ends the server', async () => {
  const starter = fileURLToPath(new URL('../../../../scripts/run.mjs', import.meta.url));
  const child = node({}, starter, 'server', '--port', '0');
  const [line] = await once(child.stdout!, 'data');
  child.kill('SIGTERM');
  // Not before the server, which writes to the same pipe, has ended too.
  expect(await once(child, 'close')).toEqual([0, null]);
  await expect(fetch(`${String(line).trim()}/version`)).rejects.toThrow();
});

test('a model of the hub in a format, at a revision, and again without a network', async () => {
  const hub = await fakeHub(hubFolder('llava'), { api: true });
  const env = { HF_ENDPOINT: hub.host, TRANSPRUNE_CACHE: await temporaryFolder() };
  const options = ['--model', 'owner/name', '--revision', 'v1', '--format', 'q4'];
  const offline = await failureOf(startIn(env, ...options, '--offline'));
  expect(offline.errors).toMatch(/error: expected all files of owner\/name/);
  expect(hub.requests).toEqual([]);

  const formatsOf = async (child: ChildProcess) => {
    const told: Record<string, unknown>[] = [];
    for await (const line of createInterface(child.stderr!)) {
      told.push(JSON.parse(line));
      if (told.at(-1)?.msg === 'listening') break;
    }
    expect(told[0]).toMatchObject({
      model: 'owner/name',
      msg: expect.stringMatching(/^opening/),
    });
    const fetched = told.flatMap(({ msg, file }) => (msg === 'fetching' ? [file] : []));
    return { formats: told.at(-1)?.formats, fetched };
  };
  const q4 = { vision_encoder: 'q4', embed_tokens: 'q4', decoder_model_merged: 'q4' };
  const decoder = 'onnx/decoder_model_merged_q4.onnx';
  const first = await formatsOf(startIn(env, ...options, '--engines', '2'));
  expect(first).toEqual({ formats: q4, fetched: expect.arrayContaining(['config.json', decoder]) });
  const asked = hub.requests.length;
  expect(asked).toBeGreaterThan(0);
  const again = await formatsOf(startIn(env, ...options, '--offline'));
  expect(again).toEqual({ formats: q4, fetched: [] });
  expect(hub.requests.length).toBe(asked);
});

test('ends in order while it still loads', async () => {
  const child = start('--engines', '2');
  const exit = once(child, 'exit');
  let printed = '';
  child.stdout?.on('data', (text) => {
    printed += text;
  });
  // Its engines are processes as soon as it loads them.
  await expect.poll(() => enginesOf(child.pid!), { interval: 5 }).toBeGreaterThan(0);
  child.kill('SIGTERM');
  expect(await exit).toEqual([0, null]);
  expect(printed).toBe('');
});

/** By what Linux tells of processes. */
function enginesOf(parent: number): number {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8');
  return children.split(' ').filter(Boolean).length;
}

test.each([
  [['--model', '/nowhere'], /error: expected a model: .* got \/nowhere, and nothing is there/],
  [['--preset', 'fastv'], /error: .* Allowed choices are transprune-high/],
  [['--limit', 'pictures=3'], /error: expected a limit that there is/],
  [['--limit', 'images'], /Expected a limit such as images=4/],
  [['--port', '70000'], /Expected a whole number from 0 to 65535/],
  [['--host', '203.0.113.1'], /EADDRNOTAVAIL/],
])('says what is wrong with %j', async (options, expected) => {
  const { code, errors } = await failureOf(start(...options));
  expect(errors).toMatch(expected);
  expect(code).toBe(1);
});
