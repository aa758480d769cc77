import * as server from '@transprune/server/command';
import type { Command } from 'commander';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { finishFirst } from '../pending.js';

export function addServeCommand(program: Command, io: Io): void {
  const { stdout, env, signal } = io;
  server
    .addServeCommand(program, { stdout, env, signal, finish: finishFirst })
    .addHelpText('after', example('transprune serve --port 8080'));
}
