/** Where a run of the program reads its surroundings and writes; tests hand in their own. */
export interface Io {
  /** Data, and nothing else. */
  readonly stdout: TextSink;
  /** Progress, warnings and errors. */
  readonly stderr: TextSink;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal;
}

/** The part of a stream that the program uses. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

/** The surroundings of this process. */
export function processIo(signal: AbortSignal = new AbortController().signal): Io {
  return { stdout: process.stdout, stderr: process.stderr, env: process.env, signal };
}
