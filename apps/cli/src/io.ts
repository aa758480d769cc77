/** Where a run of the program reads its surroundings and writes; tests hand in their own. */
export interface Io {
  /** What `-` stands for, and what a conversation reads. */
  readonly stdin: TextSource;
  /** Data, and nothing else. */
  readonly stdout: TextSink;
  /** Progress, warnings and errors. */
  readonly stderr: TextSink;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal;
  /**
   * Sends interruptions to a handler in place of `signal`, until what is returned is called. Left out where
   * nobody interrupts.
   */
  readonly catchInterruptions?: (handler: () => void) => () => void;
}

/** The part of a stream that is read. */
export type TextSource = NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };

/** The part of a stream that the program uses. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Of the terminal, in characters. */
  readonly columns?: number | undefined;
}

/** The surroundings of this process. */
export function processIo(interruptions: Partial<Io> = {}): Io {
  return {
    // Nothing is opened before it is read.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    signal: new AbortController().signal,
    ...interruptions,
  };
}
