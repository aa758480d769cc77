/** Servers that are closed before their engines run. */
import { modelDirectory } from '@transprune/small-model';
import pino from 'pino';
import { expect, test } from 'vitest';
import { program, startHere } from '../../testing/server.js';
import { createServerIn } from '../server.js';
import type { EngineHandle } from './handle.js';
import { EnginePool } from './pool.js';
import { startEngineProcess } from './start-process.js';

const closed = { status: 503, code: 'shutting_down' };

test('an engine that comes after its pool was closed is stopped', async () => {
  let come = (_: EngineHandle) => {};
  const starting = new Promise<EngineHandle>((resolve) => {
    come = resolve;
  });
  const pool = new EnginePool(() => starting, { engines: 1, active: 1, waiting: 0 });
  const opening = expect(pool.open()).rejects.toMatchObject(closed);
  await pool.close();
  const handle = await startHere({});
  let isStopped = false;
  come({
    ...handle,
    stop() {
      isStopped = true;
      return handle.stop();
    },
  });
  await opening;
  expect(isStopped).toBe(true);
});

test('a server that is closed while it loads does not listen, and waits for no engine', async () => {
  const engine = await program('engine/engine-process');
  const settings = { model: { folder: modelDirectory }, active: 1, visionCacheBytes: 0 };
  const ended: string[] = [];
  const server = createServerIn(
    { log: pino({ level: 'silent' }), engines: 2 },
    {
      programs: { engine, image: '' },
      startEngine: (signal) =>
        startEngineProcess(engine, settings, { signal }).catch((error: unknown) => {
          ended.push('killed');
          throw error;
        }),
    },
  );
  const listening = expect(server.listen()).rejects.toMatchObject(closed);
  await server.close();
  await listening;
  expect(ended).toEqual(['killed', 'killed']);
});
