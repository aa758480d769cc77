/** Engines in processes of their own: who is in them, and what happens when they end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { modelDirectory } from '@transprune/embedded-model';
import type OpenAI from 'openai';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  client,
  closed,
  model,
  program,
  question,
  sample,
  startServer,
} from '../../testing/server.js';
import { chooseLimits } from '../limits/limits.js';
import type { EngineHandle } from './handle.js';
import { startEngineProcess } from './start-process.js';

const messages = [question('describe the picture', sample('scene-1.png'))];

const ask = (openai: OpenAI) => openai.chat.completions.create({ model, messages });
const textOf = ({ choices }: OpenAI.ChatCompletion) => choices[0]?.message.content;
const stream = (openai: OpenAI) =>
  openai.chat.completions.create({ model, messages, stream: true });

const settings = { model: { folder: modelDirectory }, active: 8, visionCacheBytes: 0, threads: 1 };

/** A server whose engines can be ended by their handles. */
async function withHandles(engines: number, limits = {}) {
  const handles: EngineHandle[] = [];
  const path = await program('engine/engine-process');
  const startEngine = async () => {
    const handle = await startEngineProcess(path, {
      ...settings,
      active: chooseLimits(limits).active,
    });
    handles.push(handle);
    return handle;
  };
  return { ...closed(await startServer({ engines, limits, startEngine })), handles };
}

describe('an engine that is killed', () => {
  test('takes only its own requests with it, and is replaced', async () => {
    const { openai, url, handles, lines } = await withHandles(2);
    const whole = textOf(await ask(openai));
    const [one, other] = await Promise.all([stream(openai), stream(openai)]);
    // One request at each engine; which is where does not matter.
    handles[0]!.kill();
    const read = async (answer: Awaited<ReturnType<typeof stream>>) => {
      let text = '';
      for await (const { choices } of answer) text += choices[0]?.delta.content ?? '';
      return text;
    };
    const outcomes = await Promise.allSettled([read(one), read(other)]);
    const failed = outcomes.filter(({ status }) => status === 'rejected');
    expect(failed).toMatchObject([{ reason: { code: 'engine_lost' } }]);
    expect(outcomes).toContainEqual({ status: 'fulfilled', value: whole });
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    await expect.poll(() => handles.length).toBe(3);
    const again = await Promise.all([ask(openai), ask(openai)]);
    expect(again.map(textOf)).toEqual([whole, whole]);
    expect(lines.some((line) => line.includes('an engine died'))).toBe(true);
  });

  test('makes the server wait for the next one, if it was the only one', async () => {
    const { openai, url, handles } = await withHandles(1);
    handles[0]!.kill();
    await handles[0]!.gone;
    const refused = ask(openai);
    await expect(refused).rejects.toMatchObject({ status: 503, code: 'engine_unavailable' });
    expect((await fetch(`${url}/ready`)).status).toBe(503);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    await expect.poll(async () => (await fetch(`${url}/ready`)).status).toBe(200);
    expect(textOf(await ask(openai))).not.toBe('');
  });
});

test('a model that cannot be opened is an error of the start', async () => {
  const failing = startServer({ inProcesses: true, model: { folder: '/nowhere' } });
  await expect(failing).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('/nowhere'),
  });
});

test('requests beyond what may wait get 429, and when to ask again', async () => {
  const { openai, url } = await withHandles(1, { active: 1, waiting: 1 });
  const asked = await Promise.allSettled(Array.from({ length: 6 }, () => ask(openai)));
  const answered = asked.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  const refused = asked.flatMap((each) => (each.status === 'rejected' ? each.reason : []));
  expect(answered.length).toBeGreaterThanOrEqual(2);
  expect(new Set(answered.map(textOf)).size).toBe(1);
  expect(refused.length).toBeGreaterThanOrEqual(1);
  for (const error of refused) {
    expect(error).toMatchObject({ status: 429, code: 'server_busy' });
    expect(Number(error.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  }
  const body = await (await fetch(`${url}/ready`)).json();
  expect(body).toMatchObject({ running: 0, waiting: 0 });
});

test('time limits end a request, and free its place', async () => {
  const first = closed(await startServer({ limits: { timeToFirstTokenMs: 1 } }));
  await expect(ask(first.openai)).rejects.toMatchObject({ status: 504, code: 'timeout' });
  await expect
    .poll(async () => (await fetch(`${first.url}/ready`)).json())
    .toMatchObject({ running: 0 });
});

describe('a server that ends', () => {
  test('lets answers end, and takes no more', async () => {
    const server = await startServer({ inProcesses: true });
    const answer = await stream(server.openai);
    let text = '';
    let closing: Promise<void> | undefined;
    for await (const { choices } of answer) {
      closing ??= server.close();
      text += choices[0]?.delta.content ?? '';
    }
    await closing;
    expect(text).toMatch(/ 9 top left , .* right$/);
    await expect(ask(server.openai)).rejects.toThrow('Connection error');
  });

  test('says so in streams that would take too long', async () => {
    const server = await startServer({ inProcesses: true, limits: { shutdownMs: 0 } });
    const answer = await stream(server.openai);
    const read = async () => {
      for await (const _ of answer) await server.close();
    };
    await expect(read()).rejects.toMatchObject({ code: 'shutting_down' });
  });
});

describe('a server’s process', () => {
  async function startProcess(): Promise<{ child: ChildProcess; url: string }> {
    const options = { model: { folder: modelDirectory }, modelName: model };
    const programs = {
      engine: await program('engine/engine-process'),
      image: await program('images/image-process'),
    };
    const path = await program('../testing/server-process');
    const parameters = [path, JSON.stringify(programs), JSON.stringify(options)];
    const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const died = once(child, 'exit').then(() => {
      throw new Error('expected a server that starts');
    });
    const [line] = await Promise.race([once(child.stdout!, 'data'), died]);
    return { child, url: String(line).trim() };
  }

  test('killed under load gives clean errors, leaves nothing, and starts again', async () => {
    const { child, url } = await startProcess();
    const openai = client(url);
    const whole = textOf(await ask(openai));
    const children = childrenOf(child.pid!);
    expect(children).toHaveLength(2);
    const asked = Array.from({ length: 8 }, async () => {
      for (;;) expect(textOf(await ask(openai))).toBe(whole);
    });
    await ask(openai);
    child.kill('SIGKILL');
    for (const outcome of await Promise.allSettled(asked)) {
      expect(outcome).toMatchObject({ reason: { message: 'Connection error.' } });
    }
    await expect.poll(() => children.filter(isRunning)).toEqual([]);
    const next = await startProcess();
    expect(textOf(await ask(client(next.url)))).toBe(whole);
  });

  test('told to end ends streams properly, and leaves nothing', async () => {
    const { child, url } = await startProcess();
    const answer = await stream(client(url));
    const children = childrenOf(child.pid!);
    const exit = once(child, 'exit');
    let text = '';
    for await (const { choices } of answer) {
      child.kill('SIGTERM');
      text += choices[0]?.delta.content ?? '';
    }
    expect(text).toMatch(/ right$/);
    expect(await exit).toEqual([0, null]);
    await expect.poll(() => children.filter(isRunning)).toEqual([]);
  });
});

/** By what Linux tells of processes. */
function childrenOf(parent: number): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const [, after = ''] = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ');
      return Number(after.split(' ')[1]) === parent ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
