/** Whole servers as processes: killed, told to end, and left with no engine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { modelDirectory } from '@transprune/small-model';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ask, stream, textOf, withHandles } from '../../testing/processes.js';
import { client, model, program, startServer } from '../../testing/server.js';

test('a server without an engine waits for the next one', async () => {
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
    // Once: a second signal would not wait.
    child.kill('SIGTERM');
    for await (const { choices } of answer) {
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
