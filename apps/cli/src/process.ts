import { constants } from 'node:os';
import { exitCodes } from './exit-codes.js';
import { processIo } from './io.js';
import { main } from './main.js';

/** Runs the command line as this process, and leaves with its exit code. */
export async function runProcess(): Promise<void> {
  const interruption = new AbortController();
  let interrupted: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      interrupted = name === 'SIGINT' ? exitCodes.interrupted : 128 + constants.signals[name];
      interruption.abort();
    });
  }
  // A reader that has seen enough, such as `head`, closes the pipe: no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failure);
  });
  process.exitCode = await main(process.argv.slice(2), processIo(interruption.signal));
  // A native session would go on to its end.
  if (interrupted !== undefined) process.exit(interrupted);
}
