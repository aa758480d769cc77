/** How much memory a run takes, measured in a process of its own. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { TransPruneError } from '@transprune/core';
import type { HostTensor } from '@transprune/session';
import type { NodeDevice } from './devices.js';

/** Opens a model, runs it once and tells the largest size that the process had, in kilobytes. */
const program = `
const { readFileSync } = require('node:fs');
const { InferenceSession, Tensor } = require(process.argv[1]);
// On Linux, maxRSS begins with that of the process that started this one; the status knows this one alone.
const status = () => /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
const peak = () => process.platform === 'linux' ? Number(status()) : process.resourceUsage().maxRSS;
const [path, device, threads] = process.argv.slice(2);
const arrays = { float32: Float32Array, float16: Uint16Array, int64: BigInt64Array, int32: Int32Array, bool: Uint8Array };
let text = '';
process.stdin.on('data', (chunk) => { text += chunk; }).on('end', async () => {
  try {
    const feeds = {};
    for (const [name, { type, dims, base64 }] of Object.entries(JSON.parse(text))) {
      const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
      feeds[name] = new Tensor(type, new arrays[type](bytes.buffer), dims);
    }
    text = '';
    const idle = peak();
    const session = await InferenceSession.create(path, {
      executionProviders: [device],
      logSeverityLevel: 4,
      ...(threads && { intraOpNumThreads: Number(threads) }),
    });
    await session.run(feeds);
    process.stdout.write(String(peak() - idle));
    process.exit(0);
  } catch (error) {
    process.stderr.write(error.message);
    process.exit(1);
  }
});`;

export interface PeakMemoryOptions {
  readonly device: NodeDevice;
  /** Threads of the CPU; as many as it has cores if left out. */
  readonly threads?: number | undefined;
}

/**
 * Most memory that opening a model and running it once takes: weights, what lies between, outputs. Another process
 * does it, for what this one holds or has freed would blur the figure.
 *
 * @param path of the model
 * @returns bytes, over what the other process takes before
 * @throws TransPruneError RUN_FAILED with onnxruntime's words
 */
export async function peakMemory(
  path: string,
  feeds: Readonly<Record<string, HostTensor>>,
  { device, threads }: PeakMemoryOptions,
): Promise<number> {
  const library = createRequire(import.meta.url).resolve('onnxruntime-node');
  const parameters = ['-e', program, library, path, device, threads ? `${threads}` : ''];
  const child = spawn(process.execPath, parameters, { stdio: ['pipe', 'pipe', 'pipe'] });
  let [printed, complaint] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  // A process that ended early takes no more input; its exit code says so.
  child.stdin.on('error', () => {});
  child.stdin.end(JSON.stringify(Object.fromEntries(Object.entries(feeds).map(encoded))));
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code === 0) return Number(printed) * 1024;
  throw new TransPruneError(
    'RUN_FAILED',
    `expected ${path} to run once in a process of its own, got: ${complaint.trim() || `exit code ${code}`}`,
    { path },
  );
}

function encoded([name, { type, dims, data }]: [string, HostTensor]) {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return [name, { type, dims, base64: bytes.toString('base64') }] as const;
}
