import { counted } from '@transprune/core';
import { type Command, Option } from 'commander';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { calledModel, findModel, type Surroundings } from '../model/find.js';
import { type TemporaryFolders, withTemporaryFolders } from '../model/temporary.js';
import { addBudgetOptions } from '../options/budget-options.js';
import { addDeviceOption } from '../options/device-option.js';
import { addModelOptions, type ModelOptions } from '../options/model-options.js';
import { numberList, wholeNumber } from '../options/parsers.js';
import { addPlanOptions, planOptionNames } from '../options/plan-options.js';
import { addReductionOptions } from '../options/reduction-options.js';
import {
  addSamplingOptions,
  answerOptions,
  type SamplingOptions,
} from '../options/sampling-options.js';
import { addThreadOption } from '../options/thread-option.js';
import { waiting } from '../progress.js';
import { answerReport } from '../run/answer.js';
import { compareAnswers, warmups } from '../run/compare.js';
import { costsOf } from '../run/costs.js';
import { type EngineOptions, type OpenedModel, withEngine } from '../run/engine.js';
import { type Question, readInputs } from '../run/inputs.js';
import { requestFor } from '../run/request.js';
import { noiseNotes, showComparison, showFigures } from '../show/run.js';
import { addOutputOptions, createTerminal, type OutputOptions } from '../terminal.js';

const defaultRuns = 5;

type Options = ModelOptions &
  EngineOptions &
  SamplingOptions &
  OutputOptions & {
    readonly system?: string;
    readonly compare?: boolean;
    readonly runs: number;
  };

export function addRunCommand(program: Command, io: Io): void {
  const command = program
    .command('run')
    .description('Ask a question about pictures, with a decoder that prunes itself.')
    .usage('[options] <image...> <question>')
    .argument(
      '[inputs...]',
      'pictures, as paths or addresses of PNG, JPEG, WebP, then the question; - reads one of them from stdin',
    );
  addReductionOptions(addBudgetOptions(addPlanOptions(addModelOptions(command)))).addOption(
    new Option(
      '--decoder <file>',
      'decoder that `prune` wrote, in place of one that is pruned for this run',
    ).conflicts([...planOptionNames]),
  );
  command
    .option('--keep-ratios <ratios>', 'what each prune keeps, in place of the plan', numberList)
    .option('--system <text>', 'what the conversation begins with');
  addThreadOption(addDeviceOption(addSamplingOptions(command)))
    .option('--compare', 'answer with the unpruned decoder too, and show both side by side')
    .option('--runs <count>', 'with --compare: rounds that are timed', wholeNumber(1), defaultRuns);
  addOutputOptions(command)
    .addHelpText(
      'after',
      example(
        'transprune run scene.png "what color is the heart?" --compare',
        'transprune run page-1.png page-2.png "what do the pages differ in?" --model owner/name',
        'curl -s https://example.org/a.jpg | transprune run - "what is shown?" --model owner/name',
      ),
    )
    .action((inputs: string[], options: Options) =>
      withTemporaryFolders(io, (folders) => run(inputs, options, folders, io)),
    );
}

async function run(
  inputs: readonly string[],
  options: Options,
  folders: TemporaryFolders,
  io: Io,
): Promise<void> {
  const around: Surroundings = { io, terminal: createTerminal(io, options) };
  const { signal } = io;
  // Before anything that takes time.
  const answering = { ...answerOptions(options), signal };
  const asked = await readInputs(inputs, io.stdin);
  const files = await findModel(options.model, options, around);
  const ask = options.compare ? compare : answer;
  await withEngine(files, options, folders, around, (opened) => {
    const { system } = options;
    const request = requestFor(asked, answering, system === undefined ? {} : { system });
    return ask({ ...around, asked, opened, options, request });
  });
}

interface Asking extends Surroundings {
  readonly asked: Question;
  readonly opened: OpenedModel;
  readonly options: Options;
  readonly request: ReturnType<typeof requestFor>;
}

/** What every document begins with. */
function common({ io, options, asked, opened: { engine, pruned, reduction } }: Asking) {
  const { preset, schedule, plan } = pruned.chosen;
  const { pictures, question } = asked;
  const images = pictures.map(({ name }) => name);
  const model = calledModel(options.model, io);
  return {
    ...{ images, question, model, device: engine.device, preset, schedule, plan },
    ...(reduction && { reduction }),
  };
}

/** One answer, shown as it comes. */
async function answer(asking: Asking): Promise<void> {
  const { terminal, request, opened } = asking;
  const { collect } = await import('@transprune/vlm');
  const result = await waiting(terminal, 'reading the pictures and the question', (arrived) =>
    collect(opened.engine.generate(request), ({ text }) => {
      arrived();
      terminal.stream(text);
    }),
  );
  const { model, chosen } = opened.pruned;
  const report = answerReport([result], costsOf(model, chosen.plan, result), 'pruned');
  const { imageTokens, textTokens } = result.prompt;
  terminal.result({ ...common(asking), imageTokens, textTokens, pruned: report }, () => ['']);
  terminal.info(showFigures(report));
}

/** Both answers. The rounds alternate, after one of warm-up. */
async function compare(asking: Asking): Promise<void> {
  const { terminal, request, opened, options } = asking;
  const { runs } = options;
  const { prompt, unpruned, pruned } = await compareAnswers(opened, request, runs, terminal);
  const { imageTokens, textTokens } = prompt;
  const document = {
    ...common(asking),
    ...{ imageTokens, textTokens, runs, warmups, unpruned, pruned },
  };
  terminal.result(document, () => [
    showComparison(unpruned, pruned),
    `${opened.pruned.name} on ${opened.engine.device}; medians of ${counted(runs, 'alternating round')} after one of warm-up.`,
    ...(runs > 1 ? noiseNotes(unpruned, pruned) : []),
    'FLOPs: multiply-adds of the prefill. As published: image tokens alone; in full: all tokens, lm head, scoring.',
  ]);
}
