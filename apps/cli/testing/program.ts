import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Io } from '../src/io.js';
import { main } from '../src/main.js';

/** What a run of the program left. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program in this process, as if in a pipe. */
export async function transprune(...parameters: readonly string[]): Promise<Outcome> {
  const io = capturingIo();
  const exitCode = await main(parameters, io);
  return { exitCode, stdout: io.stdout.text(), stderr: io.stderr.text() };
}

/** The one document that a run with `--json` prints; other output fails the test. */
export async function transpruneJson(...parameters: readonly string[]): Promise<Document> {
  const { exitCode, stdout, stderr } = await transprune(...parameters, '--json');
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stderr}`);
  return JSON.parse(stdout) as Document;
}

/** Documents are checked field by field, so their types are left open. */
// biome-ignore lint/suspicious/noExplicitAny: the tests are what checks the types
export type Document = any;

/** Surroundings that keep what is written. */
export function capturingIo(signal = new AbortController().signal) {
  const sink = () => {
    let written = '';
    return {
      write: (text: string) => {
        written += text;
      },
      text: () => written,
    };
  };
  return { stdout: sink(), stderr: sink(), env: {}, signal } satisfies Io;
}

/** A folder for the running test; it is removed after it. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'transprune-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
