import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './program.js';

export const executable = fileURLToPath(new URL('../bin/transprune.js', import.meta.url));
const reportUsage = new URL('./report-usage.mjs', import.meta.url).href;

/** Starts the built executable in a process of its own. */
export function start(
  parameters: readonly string[],
  { nodeOptions = [], env = {} }: { nodeOptions?: string[]; env?: Record<string, string> } = {},
): { child: ChildProcess; outcome: Promise<Outcome> } {
  const child = spawn(process.execPath, [...nodeOptions, executable, ...parameters], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ exitCode: code ?? -1, stdout, stderr }));
  });
  return { child, outcome };
}

/** What a run of the executable took. */
export interface Usage {
  /** Most memory at any time. */
  readonly residentBytes: number;
  /** null where the system does not count. */
  readonly readBytes: number | null;
}

/** Runs the executable and measures it. */
export async function measured(
  folder: string,
  parameters: readonly string[],
): Promise<{ outcome: Outcome; usage: Usage }> {
  const file = join(folder, '.usage.json');
  const running = start(parameters, {
    nodeOptions: ['--import', reportUsage],
    env: { USAGE_FILE: file },
  });
  const outcome = await running.outcome;
  return { outcome, usage: JSON.parse(await readFile(file, 'utf8')) as Usage };
}
