import { type PrunePlan, presetNames, presetPlan } from '@transprune/core';
import type { QuestionKind } from '@transprune/embedded-model';
import { type OnnxModel, pruneModel, readDecoder } from '@transprune/onnx';
import type { ModelSource } from '@transprune/runtime';
import type { Command } from 'commander';
import { type Accuracy, measureAccuracy, pictureScenes } from '../evaluate/accuracy.js';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { decoderPath } from '../model/decoder-path.js';
import { temporaryModel, withTemporaryFolders } from '../model/temporary.js';
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
      withTemporaryFolders(io, async (folders) => {
        const terminal = createTerminal(io, options);
        const [{ createNodeBackend, modelFolder, readModelFile }, { loadVlm }, embedded] =
          await Promise.all([
            import('@transprune/backend-node'),
            import('@transprune/runtime'),
            import('@transprune/embedded-model'),
          ]);
        const files = await modelFolder(embedded.modelDirectory);
        const path = await decoderPath(files);
        const original = await readModelFile(path);
        const set = embedded.readEvaluation();
        const scenes = await pictureScenes(set, options.scenes);
        const vlm = await loadVlm({ files, backend: createNodeBackend(), device: options.device });
        const results: Record<string, Accuracy> = {};
        try {
          for (const { name, plan } of variants(readDecoder(original).layers.length)) {
            terminal.info(`${name}: ${scenes.length} scenes`);
            const decoder = await decoderFor(original, plan, (model) =>
              temporaryModel(model, path, folders),
            );
            const variant = await vlm.withDecoder(decoder);
            results[name] = await measureAccuracy(variant, scenes, io.signal);
            await variant.dispose();
          }
        } finally {
          await vlm.dispose();
        }
        const priors = Object.fromEntries(
          Object.entries(set.kinds).map(([kind, { prior }]) => [kind, prior]),
        );
        const document = { scenes: scenes.length, device: vlm.device, priors, results };
        terminal.result(document, () => show(priors, results));
      }),
    );
}

/** The unpruned decoder, every preset, and its random twin. */
function variants(layers: number): { name: string; plan?: PrunePlan }[] {
  const pruning = presetNames.filter((name) => name !== 'none');
  return [
    { name: 'unpruned' },
    ...pruning.flatMap((name) => {
      const { plan } = presetPlan(name, layers);
      return [
        { name, plan },
        {
          name: name.replace('transprune', 'random'),
          plan: { ...plan, method: 'random' as const },
        },
      ];
    }),
  ];
}

function decoderFor(
  original: OnnxModel,
  plan: PrunePlan | undefined,
  place: (model: OnnxModel) => Promise<ModelSource>,
): Promise<ModelSource> {
  return place(plan ? pruneModel(original, plan, { trace: true }).model : original);
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
