import { join } from 'node:path';
import { counted, didYouMean, TransPruneError } from '@transprune/core';
import type { Answerer, Shown } from '@transprune/eval';
import { type Command, Option } from 'commander';
import { checkAnswersFile } from '../eval/answers-target.js';
import { askAll } from '../eval/ask.js';
import { checkAskable } from '../eval/askable.js';
import { embedded } from '../eval/embedded.js';
import { engineAnswerer } from '../eval/engine-answerer.js';
import { checkOfficial, writeFiles } from '../eval/official.js';
import { planLabel } from '../eval/plan-label.js';
import { queuedQuestions, withQueue } from '../eval/queue.js';
import { evaluationEndings, writeEvaluation } from '../eval/report.js';
import type { Respondent } from '../eval/respondent.js';
import type { Work } from '../eval/work.js';
import { Incomplete } from '../exit-codes.js';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { calledModel, findModel, type Surroundings } from '../model/find.js';
import { type TemporaryFolders, withTemporaryFolders } from '../model/temporary.js';
import { addBudgetOptions } from '../options/budget-options.js';
import { addDeviceOption } from '../options/device-option.js';
import { addModelOptions, type ModelOptions } from '../options/model-options.js';
import { wholeNumber } from '../options/parsers.js';
import { addPlanOptions } from '../options/plan-options.js';
import { addReductionOptions } from '../options/reduction-options.js';
import { addServerOptions, type ServerOptions, serverOf } from '../options/server-options.js';
import { addThreadOption } from '../options/thread-option.js';
import { type EngineOptions, withEngine } from '../run/engine.js';
import { endingOf } from '../show/ending.js';
import { showBenchmarks, showScores } from '../show/eval.js';
import { addOutputOptions, createTerminal, type OutputOptions } from '../terminal.js';
import { addEvalWorkerCommand } from './eval-worker.js';

type Options = ModelOptions &
  EngineOptions &
  ServerOptions &
  OutputOptions & {
    readonly data?: string;
    readonly answers?: string;
    readonly limit?: number;
    readonly shard?: string;
    readonly blind?: boolean;
    readonly pixels?: number;
    readonly maxNewTokens: number;
    readonly official?: string;
    readonly output?: string;
    readonly force?: boolean;
    readonly queue?: string;
  };

export function addEvalCommand(program: Command, io: Io): void {
  const command = program
    .command('eval')
    .description(
      'Ask a model, or a server, the questions of a benchmark in its official files, or your own, and score the answers by its own rules. Without --data: list benchmarks and the files that each needs. A run that was ended is gone on with by the same command. One plan at a time; `tune` compares many on your questions, `evaluate` the presets on those of the small model.',
    )
    .argument('[benchmark]', 'such as pope; all are listed if left out')
    .option(
      '--data <folder>',
      "the benchmark's files, in the layout of LLaVA's scripts; of own, questions.jsonl with pictures beside it",
    )
    .option('--answers <file>', 'answers as JSON lines; those in it are not asked again')
    .option('--limit <count>', 'ask the first questions alone', wholeNumber(1))
    .option('--shard <part>', 'a part of the questions, such as 2/4, for machines side by side')
    .addOption(
      new Option(
        '--blind',
        'show grey instead of the pictures: what is right all the same needs none',
      ).conflicts('pixels'),
    )
    .option(
      '--pixels <side>',
      'show as much of the pictures as side x side pixels hold',
      wholeNumber(1),
    )
    .option('--max-new-tokens <count>', 'longest answer', wholeNumber(1), 128)
    .option('--official <folder>', "write the files that the benchmark's own scorer takes")
    .option(
      '-o, --output <file>',
      'a report: a page (.html), its plot of right answers (.svg, .png), or the numbers (.json)',
    )
    .option('--force', 'replace the file of --output, and what is in the folder of --official')
    .addOption(
      new Option(
        '--queue <address>',
        'of a Redis server, such as redis://10.0.0.5:6379: hand the questions to workers, which `eval worker` starts',
      ).conflicts(['device', 'threads', 'concurrency']),
    );
  addReductionOptions(addBudgetOptions(addPlanOptions(addModelOptions(command))));
  addServerOptions(addThreadOption(addDeviceOption(command)));
  addOutputOptions(command)
    .addHelpText(
      'after',
      example(
        'transprune eval pope --data playground/data/eval --answers pope-high.jsonl',
        'transprune eval own --data questions --answers own-high.jsonl -o own-high.html',
        'transprune eval pope --data playground/data/eval --answers pope.jsonl --server http://127.0.0.1:8080/v1 --server-model smolvlm',
        'transprune eval pope --data playground/data/eval --answers pope.jsonl --model owner/name --queue redis://10.0.0.5:6379',
      ),
    )
    .action((name: string | undefined, options: Options) =>
      withTemporaryFolders(io, (folders) => evaluate(name, options, folders, io)),
    );
  // What follows `worker` is the worker's, not this command's.
  addEvalWorkerCommand(command.enablePositionalOptions(), io);
}

/** @throws Incomplete if questions failed, once all that was answered is shown */
async function evaluate(
  name: string | undefined,
  options: Options,
  folders: TemporaryFolders,
  io: Io,
): Promise<void> {
  const { benchmarks, Folder, parseShard, pointMetrics, readAnswerLines, seeingLess } =
    await import('@transprune/eval');
  const terminal = createTerminal(io, options);
  const around = { io, terminal };
  const known = [...benchmarks, embedded];
  const chosen = known.filter((each) => name === undefined || each.name === name);
  const [benchmark] = chosen;
  if (!benchmark) {
    const names = known.map((each) => each.name);
    const meant = didYouMean(`${name}`, names);
    throw invalid(`expected a benchmark, one of ${names.join(', ')}, got ${name}${meant}`);
  }
  const { data, answers: answersPath, limit, concurrency, official, output, force } = options;
  const ending = output === undefined ? undefined : endingOf(output, evaluationEndings);
  const hasOwnData = benchmark === embedded;
  if (hasOwnData && data !== undefined) throw invalid('expected no --data with embedded, got some');
  if (data === undefined && !(hasOwnData && answersPath !== undefined)) {
    if (answersPath !== undefined) throw invalid('expected --data with --answers, got none');
    if (output !== undefined) throw invalid('expected --answers with -o, got none');
    const listed = chosen.map(({ open: _, ...described }) => described);
    return terminal.result({ benchmarks: listed }, () => showBenchmarks(chosen));
  }
  if (name === undefined) throw invalid('expected a benchmark with --data, such as pope');
  if (answersPath === undefined) {
    throw invalid('expected --answers with --data, the file that answers are written to, got none');
  }
  const server = serverOf(options);
  await checkAnswersFile(answersPath);
  if (official !== undefined) await checkOfficial(official, force === true);
  if (output !== undefined) {
    const { checkTarget } = await import('@transprune/files/node');
    const read = benchmark.files.map((path) => join(data ?? '', path));
    const inputs = [answersPath, ...read];
    await checkTarget(output, { inputs, ifExists: force ? 'replace' : 'refuse' });
  }
  const shard = options.shard === undefined ? undefined : parseShard(options.shard);
  const opened = await benchmark.open(new Folder(data ?? ''));
  checkAskable(opened, `${name}, ${data}`);
  const atOnce = options.queue === undefined ? concurrency : queuedQuestions;
  const asking = { answersPath, limit, shard, concurrency: atOnce };
  const shown = shownBy(options);
  const askFor = async (whole: Answerer, respondent: Respondent) => {
    const answerer = shown ? seeingLess(whole, shown) : whole;
    const result = await askAll(opened, answerer, asking, around);
    return { model: answerer.name, respondent, ...result };
  };
  const { model, respondent, answers, questions, failures } = await withAnswerer(
    server,
    answersPath,
    options,
    folders,
    around,
    askFor,
  );
  const report = {
    ...{ benchmark: name, model, answers: answersPath, questions, answered: answers.size },
    score: opened.score(answers),
    problems: [
      ...opened.problems,
      ...(official === undefined ? [] : (opened.leftOut?.(answers) ?? [])),
    ],
    failures,
    official: official === undefined ? [] : await writeFiles(official, opened.official(answers)),
  };
  if (output !== undefined && ending !== undefined) {
    const { evaluationOf } = await import('../eval/evaluation.js');
    const lines = await readAnswerLines(answersPath, model);
    const conditions = conditionsOf(options, respondent);
    const { summary } = benchmark;
    const evaluation = evaluationOf({ report, summary, opened, respondent, conditions, lines });
    await writeEvaluation(output, ending, evaluation);
  }
  terminal.result(report, () => [
    ...showScores(report, pointMetrics),
    ...(output === undefined ? [] : [`Wrote ${output}.`]),
  ]);
  if (answers.size > 0 && report.score.questions === 0) {
    terminal.warn(`none of ${counted(answers.size, 'answer')} counts; the result says why`);
  }
  if (failures.length > 0) {
    const isWritten = output !== undefined || official !== undefined;
    const again = `the same command${isWritten && !force ? ' with --force' : ''}`;
    terminal.warn(
      `${failures.length} of ${counted(questions, 'question')} failed and stay open; ${again} asks them again`,
    );
    throw new Incomplete();
  }
}

/** What is shown instead of the pictures; undefined for the pictures. */
function shownBy({ blind, pixels }: Options): Shown | undefined {
  if (blind) return 'blank';
  return pixels === undefined ? undefined : { side: pixels };
}

/** How the questions were asked, as a report tells it. */
function conditionsOf(options: Options, { place }: Respondent) {
  const { data, answers, limit, shard, blind, pixels, maxNewTokens } = options;
  const less = pixels === undefined ? undefined : `what ${pixels} x ${pixels} pixels hold of them`;
  const values = {
    'answered by': place,
    'questions from': data,
    pictures: blind ? 'none, grey instead of them' : (less ?? 'as they are'),
    shard,
    'asked of them': limit === undefined ? undefined : `the first ${limit}`,
    'longest answer': counted(maxNewTokens, 'token'),
    'answers in': answers,
  };
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value }],
  );
}

async function serverAnswerer(
  server: { readonly baseUrl: string; readonly model: string },
  { maxNewTokens }: Options,
  { env }: Io,
): Promise<Answerer> {
  const { openAiAnswerer } = await import('@transprune/eval');
  return openAiAnswerer({ ...server, apiKey: env.OPENAI_API_KEY, maxTokens: maxNewTokens });
}

/** Lends whoever answers: workers, a server, or a model that is opened here. */
async function withAnswerer<T>(
  server: Work['server'],
  answersPath: string,
  options: Options,
  folders: TemporaryFolders,
  around: Surroundings,
  use: (answerer: Answerer, respondent: Respondent) => Promise<T>,
): Promise<T> {
  const { format, maxNewTokens, queue } = options;
  if (queue !== undefined) return withQueue(queue, answersPath, server, options, around, use);
  if (server) {
    const { origin, pathname } = new URL(server.baseUrl);
    const place = `a server, ${origin}${pathname}`;
    return use(await serverAnswerer(server, options, around.io), { model: server.model, place });
  }
  const files = await findModel(options.model, options, around);
  const model = [calledModel(options.model, around.io), ...(format ? [format] : [])].join(' ');
  return withEngine(files, options, folders, around, async ({ engine, pruned, reduction }) => {
    const { plan } = pruned.chosen;
    const label = planLabel(plan, reduction);
    const answerer = await engineAnswerer(engine, { name: `${model}: ${label}`, maxNewTokens });
    return use(answerer, { model, pruned: { plan, label }, place: engine.device });
  });
}

function invalid(message: string): TransPruneError {
  return new TransPruneError('INVALID_ARGUMENT', message);
}
