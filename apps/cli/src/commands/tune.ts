import {
  type AccumulationMode,
  checkTransitionFields,
  counted,
  type MethodName,
  methodNames,
  type PositionMode,
  TransPruneError,
} from '@transprune/core';
import type { OpenBenchmark, Question } from '@transprune/eval';
import { type Command, Option } from 'commander';
import { checkAskable } from '../eval/askable.js';
import { embeddedBenchmark } from '../eval/embedded.js';
import { Incomplete } from '../exit-codes.js';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { calledModel, findModel } from '../model/find.js';
import { readOriginal } from '../model/original.js';
import { type TemporaryFolders, withTemporaryFolders } from '../model/temporary.js';
import { addDeviceOption, type DeviceOptions } from '../options/device-option.js';
import { addModelOptions, type ModelOptions } from '../options/model-options.js';
import { numberUpTo, shareList, wholeNumber } from '../options/parsers.js';
import { accumulationOption, positionsOption } from '../options/plan-options.js';
import {
  addReductionOptions,
  type ReductionOptions,
  reductionOf,
} from '../options/reduction-options.js';
import { addThreadOption, type ThreadOptions } from '../options/thread-option.js';
import { endingOf, writeWhole } from '../show/ending.js';
import { showTune } from '../show/tune.js';
import { addOutputOptions, createTerminal, type OutputOptions } from '../terminal.js';
import { type TuneReport, tuneReport } from '../tune/document.js';
import { type Answers, measure } from '../tune/measure.js';
import { drawTune, tuneEndings } from '../tune/picture.js';
import { type Aim, aims, recommend } from '../tune/recommend.js';
import { costOf, type Schedule, schedulesFor } from '../tune/schedules.js';

/** Prompts whose lengths keep ratios are fitted for. */
const probes = 4;

type Options = ModelOptions &
  DeviceOptions &
  Partial<ThreadOptions> &
  ReductionOptions &
  OutputOptions & {
    readonly data?: string;
    readonly benchmark: string;
    readonly scenes: number;
    readonly limit?: number;
    readonly method: MethodName;
    readonly positions?: PositionMode;
    readonly accumulation?: AccumulationMode;
    readonly costs: readonly number[];
    readonly tolerance: number;
    readonly by: Aim;
    readonly timed: number;
    readonly maxNewTokens: number;
    readonly answers: string;
    readonly output?: string;
    readonly force?: boolean;
  };

export function addTuneCommand(program: Command, io: Io): void {
  const command = program
    .command('tune')
    .description(
      'Measure plans on your own questions: how right and how fast the presets, a grid of prune layers and costs, a reduction before the decoder if you name one, and random choice at each cost answer them, and which plan to use. A run that was ended is gone on with by the same command.',
    )
    .option(
      '--data <folder>',
      'questions.jsonl with {"id", "image", "question", "answer"} a line, pictures beside it (default: the questions of the small model that comes along)',
    )
    .option('--benchmark <name>', 'of another layout of --data, one that `eval` lists', 'own')
    .option(
      '--scenes <count>',
      'without --data: of the held-out scenes, the first ones',
      wholeNumber(1),
      40,
    )
    .option('--limit <count>', 'ask the first questions alone', wholeNumber(1))
    .addOption(
      new Option('--method <name>', 'what tokens are ranked by')
        .choices(methodNames)
        .default('transprune'),
    )
    .addOption(positionsOption())
    .addOption(accumulationOption())
    .addOption(
      new Option(
        '--costs <shares>',
        "of the grid: shares of the unpruned prompt's FLOPs, to which keep ratios are fitted",
      )
        .argParser(shareList)
        .default([0.7, 0.5, 0.35], '.7,.5,.35'),
    )
    .option(
      '--tolerance <points>',
      'how much less right a recommended plan may be than the unpruned, in points of percent',
      numberUpTo(100, 'from 0'),
      1,
    )
    .addOption(
      new Option(
        '--by <what>',
        'what is to be little: the time to answer, or the FLOPs of the prompt',
      )
        .choices(aims)
        .default('time'),
    )
    .option(
      '--timed <count>',
      'of the questions, the first ones that are timed in turns with the unpruned',
      wholeNumber(1),
      24,
    )
    .option('--max-new-tokens <count>', 'longest answer', wholeNumber(1), 128)
    .option(
      '--answers <folder>',
      'answers as JSON lines, a file a plan; those in it are not asked again',
      'transprune-tune',
    )
    .option('-o, --output <file>', 'a page (.html) or a plot (.svg, .png)')
    .option('--force', 'replace the file of --output if it is there already');
  addThreadOption(addDeviceOption(addReductionOptions(addModelOptions(command))));
  addOutputOptions(command)
    .addHelpText(
      'after',
      example(
        'transprune tune --data questions --model owner/name -o tune.html',
        'transprune tune --data questions --limit 50 --tolerance 2 --json',
        'transprune tune --scenes 10',
      ),
    )
    .action((options: Options) =>
      withTemporaryFolders(io, (folders) => tune(options, folders, io)),
    );
}

/** @throws Incomplete if answers failed, once all that was measured is shown */
async function tune(options: Options, folders: TemporaryFolders, io: Io): Promise<void> {
  const terminal = createTerminal(io, options);
  const around = { io, terminal };
  const { output, force, limit, answers, by: aim, method, accumulation } = options;
  checkTransitionFields({ method }, { accumulation });
  const reduction = reductionOf(options);
  const ending = output === undefined ? undefined : endingOf(output, tuneEndings);
  const { checkFolder, checkTarget } = await import('@transprune/files/node');
  if (output !== undefined) {
    await checkTarget(output, { inputs: [], ifExists: force ? 'replace' : 'refuse' });
  }
  await checkFolder(answers, 'anything');
  const { source, benchmark } = await questionsOf(options);
  const questions = benchmark.questions.slice(0, limit);
  checkAskable(benchmark, source);
  await checkJudged(benchmark, questions);
  const files = await findModel(options.model, options, around);
  const original = await readOriginal(files);
  const { decoder, costing } = original;
  terminal.info(`${counted(questions.length, 'question')}; answers are kept in ${answers}`);
  const model = [calledModel(options.model, io), ...(options.format ? [options.format] : [])].join(
    ' ',
  );
  const { timed, maxNewTokens, device, threads } = options;
  const { lossHeldOut, promptTokens, resultsOf } = await import('../tune/results.js');
  const leftOut: string[] = [];
  const schedulesBeside = (unpruned: Answers) => {
    // The same ones however many are asked, so that a longer run goes on with the same plans.
    const first = questions.slice(0, probes).flatMap(({ id }) => unpruned.get(id) ?? []);
    const costed = { ...costing, ...promptTokens(first, costing) };
    const chosen = schedulesFor({ decoder, costing: costed }, { ...options, reduction });
    leftOut.push(...chosen.leftOut);
    terminal.info(`${counted(chosen.schedules.length, 'plan')} beside the unpruned`);
    return chosen.schedules;
  };
  const measuring = { files, original, questions, reduction, schedulesBeside };
  const {
    measured,
    failures,
    device: used,
  } = await measure(
    {
      ...measuring,
      folder: answers,
      model,
      source,
      timed,
      maxNewTokens,
      device,
      ...(threads !== undefined && { threads }),
    },
    folders,
    around,
  );
  const asked = [...(measured[0]?.answers.values() ?? [])];
  const tokens = promptTokens(asked, costing);
  const costed = { decoder, costing: { ...costing, ...tokens } };
  const cost = ({ plan, reduction }: Schedule) => costOf(costed, plan, reduction);
  const results = resultsOf({ ...benchmark, questions }, measured, cost);
  const tolerance = options.tolerance / 100;
  const heldOut = lossHeldOut(results, (some) => recommend(some, tolerance, aim)?.result);
  const facts = {
    ...{ model, source, device: used, answers, questions: questions.length, ...tokens },
    ...{ tolerance, aim, positions: options.positions, leftOut, failures },
    problems: benchmark.problems,
  };
  const report: TuneReport = tuneReport(results, facts, heldOut);
  if (output !== undefined && ending !== undefined) {
    await writeWhole(output, await drawTune(report, ending));
  }
  terminal.result(report, () => [
    ...showTune(report),
    ...(output === undefined ? [] : [`Wrote ${output}.`]),
  ]);
  if (failures.length > 0) {
    terminal.warn(
      `${counted(failures.length, 'answer')} failed and stay open; the same command asks again`,
    );
    throw new Incomplete();
  }
}

/** Where questions come from, as it is called in what is written, and the questions. */
async function questionsOf({ data, benchmark, scenes }: Options) {
  if (data === undefined) {
    return {
      source: `embedded, ${counted(scenes, 'scene')}`,
      benchmark: await embeddedBenchmark(scenes),
    };
  }
  const { benchmarks, Folder } = await import('@transprune/eval');
  const found = benchmarks.find(({ name }) => name === benchmark);
  if (!found) {
    const names = benchmarks.map(({ name }) => name).join(', ');
    throw invalid(`expected --benchmark to be one of ${names}, got ${benchmark}`);
  }
  const opened = await found.open(new Folder(data));
  return { source: `${benchmark}, ${data}`, benchmark: opened };
}

/** @throws TransPruneError INVALID_ARGUMENT before anything is asked, if answers could not be compared */
async function checkJudged(
  benchmark: OpenBenchmark,
  questions: readonly Question[],
): Promise<void> {
  const { pointsByQuestion } = await import('@transprune/eval');
  const points = pointsByQuestion(benchmark, new Map(questions.map(({ id }) => [id, ''])));
  if (points.size > 0) return;
  throw invalid('expected a question whose right answer is known, got none; give "answer" to some');
}

function invalid(message: string): TransPruneError {
  return new TransPruneError('INVALID_ARGUMENT', message);
}
