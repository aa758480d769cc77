import { resolve } from 'node:path';
import { counted, type PrunePlan, presetNames, type Reduction, withMethod } from '@transprune/core';
import type { QuestionKind } from '@transprune/embedded-model';
import type { Engine } from '@transprune/vlm';
import type { Command } from 'commander';
import { type Accuracy, measureAccuracy, pictureScenes } from '../evaluate/accuracy.js';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { calledModel, findModel } from '../model/find.js';
import { readOriginal } from '../model/original.js';
import { type TemporaryFolders, temporaryModel, withTemporaryFolders } from '../model/temporary.js';
import { addBudgetOptions, type BudgetOptions } from '../options/budget-options.js';
import { addDeviceOption, type DeviceOptions } from '../options/device-option.js';
import { addModelOptions, type ModelOptions } from '../options/model-options.js';
import { wholeNumber } from '../options/parsers.js';
import {
  addPlanOptions,
  isPlanGiven,
  type PlanOptions,
  planFor,
  planNotes,
} from '../options/plan-options.js';
import {
  addReductionOptions,
  type ReductionOptions,
  reductionOf,
} from '../options/reduction-options.js';
import { countdown } from '../progress.js';
import { type Grid, table } from '../show/table.js';
import { addOutputOptions, createTerminal, type OutputOptions } from '../terminal.js';

type Options = ModelOptions &
  PlanOptions &
  BudgetOptions &
  ReductionOptions &
  DeviceOptions &
  OutputOptions & { readonly scenes: number };

export function addEvaluateCommand(program: Command, io: Io): void {
  const command = program
    .command('evaluate')
    .description(
      'Ask a model the held-out questions of the small one that comes along: unpruned, with every preset or the plan that is named, and with as many image tokens kept at random. Answers count if they are the expected words, whatever their case. Nothing is kept: `eval embedded` asks the same of one plan, in a file of answers that a later run goes on with; `eval` has published benchmarks, `tune` your own questions.',
    )
    .option('--scenes <count>', 'of the held-out scenes, the first ones', wholeNumber(1), 128);
  addReductionOptions(addBudgetOptions(addPlanOptions(addModelOptions(command))));
  addOutputOptions(addDeviceOption(command))
    .addHelpText(
      'after',
      example(
        'transprune evaluate --scenes 8',
        'transprune evaluate --scenes 8 --prune-after 3 --keep .25',
      ),
    )
    .action((options: Options) =>
      withTemporaryFolders(io, (folders) => evaluate(options, isPlanGiven(command), folders, io)),
    );
}

async function evaluate(
  options: Options,
  isGiven: boolean,
  folders: TemporaryFolders,
  io: Io,
): Promise<void> {
  const terminal = createTerminal(io, options);
  const files = await findModel(options.model, options, { io, terminal });
  const [{ createNodeBackend }, { createEngine }, { pruneModel }] = await Promise.all([
    import('@transprune/backend-node'),
    import('@transprune/vlm'),
    import('@transprune/onnx'),
  ]);
  const embedded = await import('@transprune/embedded-model');
  const { path, original, decoder, costing } = await readOriginal(files);
  const reduction = reductionOf(options);
  const presets = reduction ? ['none'] : prunings;
  const plans = isGiven
    ? [planFor(options, decoder, costing)]
    : presets.map((preset) => planFor({ ...options, preset }, decoder, costing));
  for (const chosen of plans) {
    for (const note of planNotes(chosen)) terminal.info(note);
  }
  const variants = plans
    .flatMap(({ plan, preset }) => withTwin(plan, preset ?? 'custom'))
    .map(({ name, plan }) => ({ name: nameWith(reduction, name), plan }));
  const set = embedded.readEvaluation();
  const scenes = await pictureScenes(set, options.scenes);
  const { device } = options;
  const backend = createNodeBackend();
  const unpruned = await createEngine({ files, backend, device });
  const reduced = reduction && (await createEngine({ files, backend, device, reduction }));
  const questions = scenes.flatMap((scene) => scene.questions).length;
  const begin = countdown(terminal, 'question', questions * (1 + variants.length));
  let asked = 0;
  const results: Record<string, Accuracy> = {};
  const isEmbedded = files.name === resolve(embedded.modelDirectory);
  const measure = async (name: string, engine: Engine) => {
    terminal.info(`${name}: ${counted(scenes.length, 'scene')}`);
    results[name] = await measureAccuracy(engine, scenes, {
      knowsPatches: isEmbedded && (!reduction || engine === unpruned),
      signal: io.signal,
      onQuestion: () => begin(asked++),
    });
  };
  try {
    await measure('unpruned', unpruned);
    for (const { name, plan } of variants) {
      const { model } = pruneModel(original, plan, { trace: true });
      const pruned = await (reduced ?? unpruned).withDecoder(
        await temporaryModel(model, path, folders),
      );
      try {
        await measure(name, pruned);
      } finally {
        await pruned.dispose();
      }
    }
  } finally {
    terminal.progress('');
    await reduced?.dispose();
    await unpruned.dispose();
  }
  const priors = Object.fromEntries(
    Object.entries(set.kinds).map(([kind, { prior }]) => [kind, prior]),
  );
  const document = {
    ...{ model: calledModel(options.model, io), scenes: scenes.length, device: unpruned.device },
    plans: Object.fromEntries(variants.map(({ name, plan }) => [name, plan])),
    ...(reduction && { reduction }),
    ...{ priors, results },
  };
  terminal.result(document, () => [show(priors, results)]);
}

/** The presets that prune. */
const prunings = presetNames.filter((name) => name !== 'none');

/** A plan and, unless it is one already, its random twin. */
function withTwin(plan: PrunePlan, name: string): { name: string; plan: PrunePlan }[] {
  if (plan.stages.length === 0 || plan.method === 'random') return [{ name, plan }];
  const random = name.startsWith('transprune-')
    ? name.replace('transprune', 'random')
    : `${name}, random`;
  return [
    { name, plan },
    { name: random, plan: withMethod(plan, 'random') },
  ];
}

/** A column's name where image tokens are reduced before the decoder. */
function nameWith(reduction: Reduction | undefined, name: string): string {
  if (!reduction) return name;
  const before = `${reduction.method} to ${reduction.tokens}`;
  return name === 'none' ? before : `${before}, ${name}`;
}

function show(
  priors: Readonly<Record<string, number>>,
  results: Readonly<Record<string, Accuracy>>,
): Grid {
  const percent = (share: number | null | undefined) =>
    typeof share === 'number' ? (100 * share).toFixed(1) : '';
  const kinds = Object.keys(priors) as QuestionKind[];
  const columns = Object.values(results);
  const rows = [
    ...kinds.map((kind) => [
      kind,
      percent(priors[kind]),
      ...columns.map((accuracy) => percent(accuracy.kinds[kind])),
    ]),
    ['all', '', ...columns.map(({ all }) => percent(all))],
  ];
  const patches = columns.map(({ keptObjectPatches }) => percent(keptObjectPatches));
  if (patches.some(Boolean)) rows.push(['patches of the asked objects kept', '', ...patches]);
  return table(['right answers, %', 'prior', ...Object.keys(results)], rows);
}
