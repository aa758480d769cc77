/** What a pruned decoder executes on a graphics card: decoding runs nothing of the score. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { decoder, plan, profiled, pruned } from '../testing/profiled.js';
import { vulkanDriver } from '../testing/webgpu.js';
import type { ProfiledRun } from './profile.js';

/** Kernels on a graphics card; the rest counts sizes and lengths on the CPU. */
const kernels = ({ nodesByProvider }: ProfiledRun) => nodesByProvider.WebGpuExecutionProvider ?? 0;

const driver = vulkanDriver() ?? '';

describe.skipIf(driver === '')('on WebGPU', () => {
  beforeAll(() => {
    vi.stubEnv('VK_ICD_FILENAMES', driver);
    vi.stubEnv('XDG_RUNTIME_DIR', process.env.XDG_RUNTIME_DIR ?? '/tmp');
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  test('a decode step runs few kernels more, and nothing waits for the card', async () => {
    const [before, after] = [await profiled(decoder, 'webgpu'), await profiled(pruned, 'webgpu')];
    expect(kernels(before.step)).toBe(123);
    expect(kernels(after.step)).toBeLessThanOrEqual(160);
    expect(after.step.copiesToHost).toEqual([]);
    // In a prefill each stage hands back one number; no token's values leave the card.
    expect(after.prefill.copiesToHost).toEqual(plan.stages.map(() => [1, 1]));
    const cpu = await profiled(pruned, 'cpu');
    expect(after.logits).toBeAllclose(cpu.logits, { atol: 1e-3 });
  });
});
