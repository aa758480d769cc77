/** The worker of the bench page; it ends with its benchmark, and gives all its memory back. */
import { expose } from 'comlink';
import { runBench } from './bench.js';
import type { BenchWorker } from './bench-protocol.js';
import { countDispatches } from './dispatches.js';
import { fetchRuntime } from './runtime.js';

const worker: BenchWorker = {
  async bench({ page, ...request }, onProgress) {
    onProgress({ doing: 'fetching the runtime', share: 0 });
    const runtime = await fetchRuntime(new URL(page), () => {});
    countDispatches();
    return runBench(request, runtime, onProgress);
  },
};

expose(worker);
