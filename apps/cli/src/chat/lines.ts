/** What a user types, line by line. */
import { createInterface } from 'node:readline';
import type { Io } from '../io.js';

/** Lines of stdin; on a terminal with a prompt, editing, and a history. */
export interface Lines {
  /** True where somebody types. */
  readonly isTerminal: boolean;
  /** Shows, on a terminal, that a line is waited for. */
  prompt(): void;
  /** The next line; undefined at the end. */
  next(): Promise<string | undefined>;
  /** No more lines are read. */
  close(): void;
}

/** @param onInterrupt is called for Ctrl-C, which does not end the program then */
export function readLines(io: Io, onInterrupt: () => void): Lines {
  const { stdin, stdout } = io;
  const isTerminal = stdin.isTTY === true && stdout.isTTY === true;
  const lines = createInterface({
    input: stdin,
    // A terminal is a stream.
    ...(isTerminal && { output: stdout as NodeJS.WriteStream }),
    terminal: isTerminal,
    prompt: '> ',
  });
  // In raw mode the reader learns of Ctrl-C; otherwise the process does.
  lines.on('SIGINT', onInterrupt);
  const forget = io.catchInterruptions?.(onInterrupt);
  let isClosed = false;
  lines.once('close', () => {
    isClosed = true;
    forget?.();
  });
  const prompt = () => {
    if (isTerminal && !isClosed) lines.prompt();
  };
  const reader = lines[Symbol.asyncIterator]();
  return {
    isTerminal,
    prompt,
    async next() {
      prompt();
      const { value, done } = await reader.next();
      return done ? undefined : value;
    },
    close: () => lines.close(),
  };
}
