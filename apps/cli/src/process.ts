import { constants } from 'node:os';
import { exitCodes } from './exit-codes.js';
import { processIo } from './io.js';
import { main } from './main.js';

/** Runs the command line as this process, and leaves with its exit code. */
export async function runProcess(): Promise<void> {
  const interruption = new AbortController();
  const handlers: (() => void)[] = [];
  let interrupted: number | undefined;
  const end = (code: number) => {
    interrupted = code;
    interruption.abort();
  };
  process.on('SIGINT', () => {
    const handler = handlers.at(-1);
    // Whoever interrupts again does not want to wait for the end.
    if (interrupted !== undefined) process.exit(interrupted);
    if (handler) handler();
    else end(exitCodes.interrupted);
  });
  process.once('SIGTERM', () => end(128 + constants.signals.SIGTERM));
  // A reader that has seen enough, such as `head`, closes the pipe: no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failure);
  });
  const io = processIo({
    signal: interruption.signal,
    catchInterruptions(handler) {
      handlers.push(handler);
      return () => void handlers.splice(handlers.indexOf(handler), 1);
    },
  });
  process.exitCode = await main(process.argv.slice(2), io);
  // A native session would go on to its end.
  if (interrupted !== undefined) process.exit(interrupted);
}
