import { expect, test } from 'vitest';
import { transpruneJson } from '../../testing/program.js';
import { version } from '../version.js';

test('versions, and a word on every device', async () => {
  const { versions, devices } = await transpruneJson('doctor');
  expect(versions).toMatchObject({ transprune: version, node: process.versions.node });
  expect(versions.onnxruntime).toMatch(/^\d+\.\d+/);
  expect(devices).toContainEqual({ device: 'cpu', ok: true });
  for (const { ok, reason } of devices) expect(ok || reason.length > 0).toBe(true);
});
