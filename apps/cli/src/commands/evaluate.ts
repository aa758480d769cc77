import { type PrunePlan, presetNames, presetPlan } from '@transprune/core';
import type { QuestionKind } from '@transprune/embedded-model';
import { pruneModel, readDecoder } from '@transprune/onnx';
import type { Engine } from '@transprune/vlm';
import type { Command } from 'commander';
import { type Accuracy, measureAccuracy, pictureScenes } from '../evaluate/accuracy.js';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { decoderPath } from '../model/decoder-path.js';
import { type TemporaryFolders, temporaryModel, withTemporaryFolders } from '../model/temporary.js';
import { addDeviceOption, type DeviceOptions } from '../options/device-option.js';
import { wholeNumber } from '../options/parsers.js';
import { table } from '../show/table.js';
import { addOutputOptions, createTerminal, type OutputOptions } from '../terminal.js';

type Options = DeviceOptions & OutputOptions & { readonly scenes: number };

export function addEvaluateCommand(program: Command, io: Io): void {
  const command = program
    .command('evaluate')
    .description(
      'Ask the small model that comes along its held-out questions: unpruned, with every preset, and with as many image tokens kept at random.',
    )
    .option('--scenes <count>', 'of the 200 held-out scenes, the first ones', wholeNumber(1), 200);
  addOutputOptions(addDeviceOption(command))
    .addHelpText('after', example('transprune evaluate --scenes 20'))
    .action((options: Options) =>
      withTemporaryFolders(io, (folders) => evaluate(options, folders, io)),
    );
}

async function evaluate(options: Options, folders: TemporaryFolders, io: Io): Promise<void> {
  const terminal = createTerminal(io, options);
  const [{ createNodeBackend }, { modelFolder, readModelFile }, { createEngine }, embedded] =
    await Promise.all([
      import('@transprune/backend-node'),
      import('@transprune/files/node'),
      import('@transprune/vlm'),
      import('@transprune/embedded-model'),
    ]);
  const files = await modelFolder(embedded.modelDirectory);
  const path = await decoderPath(files);
  const original = await readModelFile(path);
  const set = embedded.readEvaluation();
  const scenes = await pictureScenes(set, options.scenes);
  const unpruned = await createEngine({
    files,
    backend: createNodeBackend(),
    device: options.device,
  });
  const results: Record<string, Accuracy> = {};
  const measure = async (name: string, engine: Engine) => {
    terminal.info(`${name}: ${scenes.length} scenes`);
    results[name] = await measureAccuracy(engine, scenes, io.signal);
  };
  try {
    await measure('unpruned', unpruned);
    for (const { name, plan } of variants(readDecoder(original).layers.length)) {
      const { model } = pruneModel(original, plan, { trace: true });
      const pruned = await unpruned.withDecoder(await temporaryModel(model, path, folders));
      try {
        await measure(name, pruned);
      } finally {
        await pruned.dispose();
      }
    }
  } finally {
    await unpruned.dispose();
  }
  const priors = Object.fromEntries(
    Object.entries(set.kinds).map(([kind, { prior }]) => [kind, prior]),
  );
  const document = { scenes: scenes.length, device: unpruned.device, priors, results };
  terminal.result(document, () => show(priors, results));
}

/** Every preset that prunes, and its random twin. */
function variants(layers: number): { name: string; plan: PrunePlan }[] {
  return presetNames
    .filter((name) => name !== 'none')
    .flatMap((name) => {
      const { plan } = presetPlan(name, layers);
      const random: PrunePlan = { ...plan, method: 'random' };
      return [
        { name, plan },
        { name: name.replace('transprune', 'random'), plan: random },
      ];
    });
}

function show(
  priors: Readonly<Record<string, number>>,
  results: Readonly<Record<string, Accuracy>>,
): string {
  const percent = (share: number | undefined) =>
    share === undefined ? '' : (100 * share).toFixed(1);
  const kinds = Object.keys(priors) as QuestionKind[];
  const columns = Object.values(results);
  return table(
    ['right answers, %', 'prior', ...Object.keys(results)],
    [
      ...kinds.map((kind) => [
        kind,
        percent(priors[kind]),
        ...columns.map((accuracy) => percent(accuracy.kinds[kind])),
      ]),
      ['all', '', ...columns.map(({ all }) => percent(all))],
      [
        'patches of the asked objects kept',
        '',
        ...columns.map(({ keptObjectPatches }) => percent(keptObjectPatches)),
      ],
    ],
  );
}
