/** Counts kernels: each is one dispatch of a compute pass. */

let dispatches = 0;

/** Counts from now on; without WebGPU nothing is counted. */
export function countDispatches(): void {
  if (!('GPUComputePassEncoder' in globalThis)) return;
  const { prototype } = GPUComputePassEncoder;
  for (const name of ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect'] as const) {
    const dispatch = prototype[name] as (this: GPUComputePassEncoder, ...counts: never[]) => void;
    Object.assign(prototype, {
      [name](this: GPUComputePassEncoder, ...counts: never[]) {
        dispatches++;
        dispatch.apply(this, counts);
      },
    });
  }
}

/** How many a run sent. */
export async function dispatchesOf(run: () => Promise<unknown>): Promise<number> {
  const before = dispatches;
  await run();
  return dispatches - before;
}
