import { readFile } from 'node:fs/promises';
import { TransPruneError } from '@transprune/core';
import type { Trace } from '@transprune/trace';
import { type Command, Option } from 'commander';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { calledModel, findModel } from '../model/find.js';
import { type TemporaryFolders, withTemporaryFolders } from '../model/temporary.js';
import { addBudgetOptions } from '../options/budget-options.js';
import { addDeviceOption } from '../options/device-option.js';
import { addModelOptions, type ModelOptions } from '../options/model-options.js';
import { addPlanOptions, planOptionNames } from '../options/plan-options.js';
import {
  addSamplingOptions,
  answerOptions,
  type SamplingOptions,
} from '../options/sampling-options.js';
import { addThreadOption } from '../options/thread-option.js';
import { readInputs } from '../run/inputs.js';
import { endingOf, writeWhole } from '../show/ending.js';
import { type Block, table } from '../show/table.js';
import { addOutputOptions, createTerminal, type OutputOptions } from '../terminal.js';
import { drawTrace, type FigureName, figureNames, traceEndings } from '../visualize/output.js';
import { type RecordOptions, recordTrace } from '../visualize/record.js';

type Options = ModelOptions &
  RecordOptions &
  SamplingOptions &
  OutputOptions & {
    readonly output?: string;
    readonly trace?: string;
    readonly figure?: FigureName;
    readonly force?: boolean;
  };

export function addVisualizeCommand(program: Command, io: Io): void {
  const command = program
    .command('visualize')
    .description(
      'Show what pruning does with a picture: which patches stay at each prune, by which scores, what layers do to them.',
    )
    .usage('[options] <image> <question> -o <file>')
    .argument('[inputs...]', 'a picture, as a path or address, then the question; - reads stdin')
    .option(
      '-o, --output <file>',
      'a page (.html), a figure (.svg, .png), or the trace itself (.json)',
    )
    .addOption(
      new Option(
        '--figure <name>',
        'with .svg and .png: which one (default: kept-patches)',
      ).choices(figureNames),
    )
    .option('--force', 'replace the file if it is there already')
    .addOption(
      new Option(
        '--trace <file>',
        'draw a trace that this command or the page wrote, in place of asking a model',
      ).conflicts(['model', 'revision', 'format', 'offline', 'layers', ...planOptionNames]),
    )
    .option('--no-layers', 'leave out what layers do to each patch');
  addBudgetOptions(addPlanOptions(addModelOptions(command)));
  addThreadOption(addDeviceOption(addSamplingOptions(command)));
  addOutputOptions(command)
    .addHelpText(
      'after',
      example(
        'transprune visualize scene.png "what color is the heart?" -o report.html',
        'transprune visualize scene.png "what color is the heart?" -o kept.png --preset transprune-low',
        'transprune visualize --trace trace.json -o scores.svg --figure scores',
      ),
    )
    .action((inputs: string[], options: Options) =>
      withTemporaryFolders(io, (folders) => visualize(inputs, options, folders, io)),
    );
}

async function visualize(
  inputs: readonly string[],
  options: Options,
  folders: TemporaryFolders,
  io: Io,
): Promise<void> {
  const terminal = createTerminal(io, options);
  const { output, figure, force } = options;
  const ending = output === undefined ? undefined : endingOf(output, traceEndings);
  if (ending === undefined && !options.json) {
    throw invalid('expected -o with a file to write, or --json for the trace, got neither');
  }
  if (figure && ending !== '.svg' && ending !== '.png') {
    throw invalid(
      `expected a file that ends in .svg or .png with --figure, got ${output ?? 'none'}`,
    );
  }
  if (output !== undefined) {
    const { checkTarget } = await import('@transprune/files/node');
    const read = options.trace === undefined ? inputs.slice(0, -1) : [options.trace];
    await checkTarget(output, { inputs: read, ifExists: force ? 'replace' : 'refuse' });
  }
  const trace = await traceFor(inputs, options, folders, io);
  if (output !== undefined && ending !== undefined) {
    await writeWhole(output, await drawTrace(trace, ending, figure));
  }
  terminal.result(trace, () => [...show(trace), `Wrote ${output}.`]);
}

/** The trace that is given, or that of a question. */
async function traceFor(
  inputs: readonly string[],
  options: Options,
  folders: TemporaryFolders,
  io: Io,
): Promise<Trace> {
  if (options.trace !== undefined) {
    if (inputs.length > 0) {
      throw invalid(`expected no picture and no question with --trace, got ${inputs.join(' ')}`);
    }
    return readTrace(options.trace);
  }
  const answering = answerOptions(options);
  const asked = await readInputs(inputs, io.stdin);
  if (asked.pictures.length > 1) {
    throw invalid(`expected one picture and a question, got ${asked.pictures.length} pictures`);
  }
  const around = { io, terminal: createTerminal(io, options) };
  const files = await findModel(options.model, options, around);
  const model = calledModel(options.model, io);
  return recordTrace(files, model, asked, answering, options, folders, around);
}

async function readTrace(path: string): Promise<Trace> {
  const { parseTrace } = await import('@transprune/trace');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const message = `expected a trace at ${path}, found no readable file`;
    throw new TransPruneError('NOT_FOUND', message, { path }, { cause });
  }
  return parseTrace(text);
}

function show({ stages, unpruned, pruned, imageTokens }: Trace): Block[] {
  const rows = stages.map(({ afterLayer, kept }) => [
    `after layer ${afterLayer}`,
    `${kept.length}`,
  ]);
  const answers = [...(unpruned ? [`Unpruned: ${unpruned.text}`] : []), `Pruned: ${pruned.text}`];
  return [...answers, table(['', 'image tokens'], [['(start)', `${imageTokens}`], ...rows])];
}

function invalid(message: string): TransPruneError {
  return new TransPruneError('INVALID_ARGUMENT', message);
}
