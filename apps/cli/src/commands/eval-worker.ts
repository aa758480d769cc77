import { counted } from '@transprune/core';
import type { Command } from 'commander';
import { openWork, type WorkerEngineOptions } from '../eval/worker.js';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { type TemporaryFolders, withTemporaryFolders } from '../model/temporary.js';
import { addDeviceOption } from '../options/device-option.js';
import { wholeNumber } from '../options/parsers.js';
import { addThreadOption } from '../options/thread-option.js';
import { addOutputOptions, createTerminal, type OutputOptions } from '../terminal.js';

type Options = WorkerEngineOptions &
  OutputOptions & {
    readonly queue: string;
    readonly stalledAfter: number;
    readonly idle?: number;
  };

export function addEvalWorkerCommand(program: Command, io: Io): void {
  const command = program
    .command('worker')
    .description(
      'Answer questions that `eval --queue` hands out, with the model and plan that it names, until interrupted. Pictures come with the questions. As many workers as you like, on any machine; one that is lost has its question given to another.',
    )
    .requiredOption('--queue <address>', 'of the Redis server, such as redis://10.0.0.5:6379')
    .option('--model <model>', 'where this machine has the model, if not where the run names it')
    .option('--offline', 'ask nothing of the network but the queue, as HF_HUB_OFFLINE=1 does')
    .option(
      '--stalled-after <seconds>',
      'so long without a sign of life, and another worker is given the question; longer than the longest prefill',
      wholeNumber(1),
      60,
    )
    .option('--idle <seconds>', 'end after so long without a question', wholeNumber(1));
  addOutputOptions(addThreadOption(addDeviceOption(command)))
    .addHelpText('after', example('transprune eval worker --queue redis://10.0.0.5:6379'))
    .action((options: Options) =>
      withTemporaryFolders(io, (folders) => work(options, folders, io)),
    );
}

const secondMs = 1000;

async function work(options: Options, folders: TemporaryFolders, io: Io): Promise<void> {
  const { runWorker } = await import('@transprune/eval/queue');
  const terminal = createTerminal(io, options);
  const { queue: url, stalledAfter, idle } = options;
  const answered = await runWorker({
    url,
    stalledMs: stalledAfter * secondMs,
    idleMs: idle === undefined ? undefined : idle * secondMs,
    signal: io.signal,
    open: (data) => openWork(data, options, folders, { io, terminal }),
    onQuestion: (id) => terminal.detail(`question ${id}`),
    onFault: ({ message }) => terminal.warn(message),
  });
  terminal.result({ answered }, () => [`${counted(answered, 'question')} answered`]);
}
