import { TransPruneError } from '@transprune/core';
import { suggestChoices } from '@transprune/server/command';
import { Command, CommanderError } from 'commander';
import { addBenchCommand } from './commands/bench.js';
import { addChatCommand } from './commands/chat.js';
import { addCompletionCommand } from './commands/completion.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addEvalCommand } from './commands/eval.js';
import { addEvaluateCommand } from './commands/evaluate.js';
import { addExportCommand } from './commands/export.js';
import { addInspectCommand } from './commands/inspect.js';
import { addPlanCommand } from './commands/plan.js';
import { addPruneCommand } from './commands/prune.js';
import { addRunCommand } from './commands/run.js';
import { addServeCommand } from './commands/serve.js';
import { addTuneCommand } from './commands/tune.js';
import { addVisualizeCommand } from './commands/visualize.js';
import { exitCodeOf, exitCodes, Incomplete, Interrupted } from './exit-codes.js';
import { example } from './help.js';
import { type Io, processIo } from './io.js';
import { withOptions } from './message.js';
import { pendingEnded } from './pending.js';
import { red, useColor } from './terminal.js';
import { version } from './version.js';

/**
 * Runs the command line.
 *
 * @param parameters what follows the program's name
 * @returns the exit code
 */
export async function main(parameters: readonly string[], io: Io = processIo()): Promise<number> {
  const interruption = whenAborted(io.signal);
  const program = createProgram(io);
  try {
    const work = program.parseAsync(parameters, { from: 'user' });
    await Promise.race([work, interruption.promise]);
    return exitCodes.ok;
  } catch (error) {
    await pendingEnded();
    report(error, parameters, program, io);
    return exitCodeOf(error);
  } finally {
    interruption.forget();
  }
}

/** The program with its commands, which prints to these surroundings. */
export function createProgram(io: Io): Command {
  const program = new Command('transprune')
    .description('Prune image tokens inside the decoders of vision-language models.')
    .version(version)
    .exitOverride()
    // An option belongs to the command that it follows: `eval --queue` is not that of `eval worker`.
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => {},
      getOutHasColors: () => useColor(io.stdout.isTTY, io.env),
      getErrHasColors: () => useColor(io.stderr.isTTY, io.env),
    })
    .addHelpText('after', example('transprune plan --model llava-1.5-7b'));
  const add = [
    addPlanCommand,
    addInspectCommand,
    addPruneCommand,
    addRunCommand,
    addServeCommand,
    addExportCommand,
    addChatCommand,
    addVisualizeCommand,
    addBenchCommand,
    addEvaluateCommand,
    addEvalCommand,
    addTuneCommand,
    addDoctorCommand,
    addCompletionCommand,
  ];
  for (const addCommand of add) addCommand(program, io);
  suggestChoices(program);
  return program;
}

/** An error in words on stderr, and with `--json` also as the one document on stdout. */
function report(error: unknown, parameters: readonly string[], program: Command, io: Io): void {
  const exitCode = exitCodeOf(error);
  // Help, version and a result that lacks a part have been written already.
  if (exitCode === exitCodes.ok || error instanceof Incomplete) return;
  if (error instanceof CommanderError && error.code === 'commander.help') return;
  const message = withOptions(error, program);
  const label = useColor(io.stderr.isTTY, io.env) ? red('error:') : 'error:';
  io.stderr.write(`${label} ${message}\n`);
  if (parameters.includes('--verbose') || parameters.includes('-v')) {
    io.stderr.write(`${stackOf(error)}\n`);
  }
  if (parameters.includes('--json')) {
    const known = TransPruneError.isInstance(error);
    const document = {
      error: {
        code: known ? error.code : codeOf(exitCode),
        message,
        exitCode,
        data: known ? error.data : {},
      },
    };
    io.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  }
}

function codeOf(exitCode: number): string {
  if (exitCode === exitCodes.usage) return 'USAGE';
  return exitCode === exitCodes.interrupted ? 'INTERRUPTED' : 'FAILURE';
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

function whenAborted(signal: AbortSignal): { promise: Promise<never>; forget(): void } {
  let forget = () => {};
  const promise = new Promise<never>((_, reject) => {
    const abort = () => reject(new Interrupted());
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    forget = () => signal.removeEventListener('abort', abort);
  });
  // Nobody may be listening any more when it comes.
  promise.catch(() => {});
  return { promise, forget };
}
