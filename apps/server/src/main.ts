/** This package's own program. */
import { TransPruneError } from '@transprune/core';
import { Command, CommanderError } from 'commander';
import { addServeCommand } from './command/serve.js';
import { version } from './version.js';

const ending = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort());

const program = new Command('transprune-server').version(version).exitOverride();
addServeCommand(program, { stdout: process.stdout, env: process.env, signal: ending.signal });
try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) {
    const known = TransPruneError.isInstance(error) || !(error instanceof Error);
    process.stderr.write(`error: ${known ? (error as Error).message : error.stack}\n`);
  }
  process.exitCode = error instanceof CommanderError ? error.exitCode : 1;
}
