import { existsSync, readdirSync } from 'node:fs';
import { exportedDecoder } from '@transprune/fixtures';
import { InferenceSession } from 'onnxruntime-node';
import { expect, test } from 'vitest';

/** The threads of this process, where the system lists them. */
const tasks = '/proc/self/task';

test.runIf(existsSync(tasks))('a session has one thread, or as many as it is told', async () => {
  const { path } = exportedDecoder('llama', 'dynamo-18');
  const addedBy = async (options: InferenceSession.SessionOptions) => {
    const before = readdirSync(tasks).length;
    const session = await InferenceSession.create(path, options);
    const added = readdirSync(tasks).length - before;
    await session.release();
    return added;
  };
  // The first brings threads of the runtime.
  await addedBy({});
  expect(await addedBy({})).toBe(0);
  expect(await addedBy({ intraOpNumThreads: 3 })).toBe(2);
});
