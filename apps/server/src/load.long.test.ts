/** More clients than there are places, by the load test's own client: counts, no times. */
import { expect, onTestFinished, test } from 'vitest';
import { load } from '../bench/clients.js';
import { residentMebibytes } from '../bench/memory.js';
import { sampleQuestions } from '../bench/questions.js';
import { closed, model, startServer } from '../testing/server.js';

/** Of the engine and the decoder of pictures together; they take some 350. */
const mostMiB = 1024;

test.each([undefined, 3])(
  'every reply is right or 429, left ones apart, and memory is bounded: %s',
  async (leaveEvery) => {
    const server = closed(
      await startServer({
        inProcesses: true,
        limits: { active: 4, waiting: 4 },
        // Of every kind of picture some are kept, others pushed out.
        visionCacheBytes: 200_000,
        threads: 1,
      }),
    );
    const { url } = server;
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on('warning', warn);
    onTestFinished(() => void process.off('warning', warn));
    const questions = sampleQuestions();
    const report = await load({
      ...{ url, model, clients: 32, seconds: 5, questions },
      ...(leaveEvery !== undefined && { leaveEvery }),
    });
    expect(report.failures).toEqual([]);
    expect(warnings).toEqual([]);
    expect(report.mixed).toBe(0);
    expect(report.answered).toBeGreaterThan(0);
    expect(report.busy).toBeGreaterThan(0);
    if (leaveEvery === undefined) expect(report.left).toBe(0);
    else expect(report.left).toBeGreaterThan(0);
    const ready = async () => (await fetch(`${url}/ready`)).json();
    await expect.poll(ready).toMatchObject({ running: 0, waiting: 0 });

    const figures = await (await fetch(`${url}/metrics`)).text();
    const figure = (name: string) =>
      Number(new RegExp(`^transprune:${name} (\\S+)$`, 'm').exec(figures)?.[1]);
    // Each question was asked once before, alone. Of those that were left, some had begun.
    const most = report.left;
    const ok = figure('requests_total\\{status="200"\\}') - report.answered - questions.length;
    const busy = figure('requests_total\\{status="429"\\}') - report.busy;
    for (const more of [ok, busy]) {
      expect(more).toBeGreaterThanOrEqual(0);
      expect(more).toBeLessThanOrEqual(most);
    }
    expect(figure('num_requests_running')).toBe(0);
    expect(figure('num_requests_waiting')).toBe(0);
    expect(figure('generation_tokens_total')).toBeGreaterThanOrEqual(report.tokens);
    if (process.platform !== 'linux') return;
    const { server: _, ...processes } = residentMebibytes();
    const all = Object.values(processes).reduce((sum, size) => sum + size, 0);
    expect(all).toBeGreaterThan(0);
    expect(all).toBeLessThan(mostMiB);
  },
);
