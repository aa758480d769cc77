import { expect, test } from 'vitest';
import { nodeDevices } from './devices.js';
import { probeDevices, versions } from './probe.js';

test('the CPU works everywhere, and every other device works or has a reason', async () => {
  const probes = await probeDevices();
  expect(probes.map(({ device }) => device)).toEqual(nodeDevices);
  expect(probes.at(-1)).toEqual({ device: 'cpu', ok: true });
  for (const { ok, reason } of probes) expect(ok || (reason ?? '').length > 10).toBe(true);
});

test('versions are numbers with dots', () => {
  const { node, onnxruntime } = versions();
  expect([node, onnxruntime].every((version) => /^\d+\.\d+\.\d+/.test(version))).toBe(true);
});
