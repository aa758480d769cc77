/** What the browser's own tracing says of the page's main thread. */
import type { Browser, Page } from 'playwright';

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Processor time, in microseconds. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** Processor time of the longest task of the main thread, in milliseconds. */
export async function longestTaskMs(
  browser: Browser,
  page: Page,
  run: () => Promise<unknown>,
): Promise<number> {
  await browser.startTracing(page, { categories: ['toplevel', '__metadata'] });
  await run();
  // A task is written when it ends, which may be after its result has come: the next one begins after that.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
  const trace = JSON.parse((await browser.stopTracing()).toString()) as {
    readonly traceEvents: readonly TraceEvent[];
  };
  const threadOf = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`;
  const mainThreads = new Set(
    trace.traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(threadOf),
  );
  const times = trace.traceEvents
    .filter((event) => event.ph === 'X' && mainThreads.has(threadOf(event)))
    .map(({ tdur = 0 }) => tdur / 1000);
  return times.reduce((longest, ms) => Math.max(longest, ms), 0);
}
