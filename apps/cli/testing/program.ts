import { Readable } from 'node:stream';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { modelDirectory } from '@transprune/small-model';
import type { Io } from '../src/io.js';
import { main } from '../src/main.js';

export { temporaryFolder };

/** What a run of the program left. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program in this process, as if in a pipe. */
export async function transprune(...parameters: readonly string[]): Promise<Outcome> {
  return transpruneWith({}, ...parameters);
}

/** Runs the program in other surroundings. */
export async function transpruneWith(
  changes: Partial<Io>,
  ...parameters: readonly string[]
): Promise<Outcome> {
  const io = capturingIo();
  const exitCode = await main(parameters, { ...io, ...changes });
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

/** Something piped into the program. */
export function piped(...parts: readonly (string | Uint8Array)[]): Io['stdin'] {
  return Readable.from(parts.map((part) => Buffer.from(part)));
}

/** Surroundings that keep what is written; the model is one that is fast. */
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
  const env = { TRANSPRUNE_MODEL: modelDirectory };
  return { stdin: piped(), stdout: sink(), stderr: sink(), env, signal } satisfies Io;
}
