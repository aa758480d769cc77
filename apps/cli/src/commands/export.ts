import { join } from 'node:path';
import { counted, TransPruneError } from '@transprune/core';
import { pruneModel, readDecoder } from '@transprune/onnx';
import { Argument, type Command } from 'commander';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { modelCosting } from '../model/costing.js';
import { decoderPath, findModel } from '../model/find.js';
import { refusePruned } from '../model/unpruned.js';
import { addBudgetOptions, type BudgetOptions } from '../options/budget-options.js';
import {
  addGraphOptions,
  chooseGraphOptions,
  type GraphOptions,
} from '../options/graph-options.js';
import { addFileOptions, type FileOptions, modelForms } from '../options/model-options.js';
import { wholeNumber } from '../options/parsers.js';
import { addPlanOptions, type PlanOptions, planFor, planNotes } from '../options/plan-options.js';
import { finishFirst } from '../pending.js';
import { waiting } from '../progress.js';
import { checkQuestion, readPicture } from '../run/inputs.js';
import { addOutputOptions, createTerminal, type OutputOptions } from '../terminal.js';

const targets = ['triton', 'kserve'] as const;

type Options = PlanOptions &
  BudgetOptions &
  GraphOptions &
  FileOptions &
  OutputOptions & {
    readonly output: string;
    readonly storageUri?: string;
    readonly name?: string;
    readonly picture?: string;
    readonly question: string;
    readonly maxNewTokens: number;
  };

const defaults = { question: 'describe the image.', maxNewTokens: 8 };

export function addExportCommand(program: Command, io: Io): void {
  const command = program
    .command('export')
    .description(
      'Write a pruned model for other servers: a repository of Triton Inference Server with vision encoder, embeddings and decoder, and inputs and outputs of a recorded run; for KServe also the InferenceService.',
    )
    .addArgument(new Argument('<target>', 'what to write').choices(targets))
    .argument('<model>', modelForms)
    .requiredOption('-o, --output <folder>', 'where to write, a new folder or an empty one')
    .option('--storage-uri <address>', 'kserve: where the cluster will find the folder models')
    .option('--name <name>', "kserve: of the InferenceService (default: from the model's)");
  addGraphOptions(addBudgetOptions(addPlanOptions(addFileOptions(command))))
    .option('--picture <picture>', 'what the recorded run shows (default: one that comes along)')
    .option('--question <text>', 'what it asks', defaults.question)
    .option(
      '--max-new-tokens <count>',
      'longest answer that it records',
      wholeNumber(1),
      defaults.maxNewTokens,
    );
  addOutputOptions(command)
    .addHelpText(
      'after',
      example(
        'transprune export triton owner/name -o smolvlm',
        'transprune export kserve owner/name -o smolvlm --storage-uri s3://models/smolvlm',
      ),
    )
    .action((target: (typeof targets)[number], model: string, options: Options) =>
      exportModel(target, model, options, io),
    );
}

async function exportModel(
  target: (typeof targets)[number],
  name: string,
  options: Options,
  io: Io,
): Promise<void> {
  const { output, question, maxNewTokens } = options;
  const terminal = createTerminal(io, options);
  checkQuestion(question);
  const extra = await manifests(target, name, options);
  const { checkFolder, readModelFile } = await import('@transprune/files/node');
  await checkFolder(output, 'nothing');
  const files = await findModel(name, options, { io, terminal });
  const path = await decoderPath(files);
  const original = await readModelFile(path);
  refusePruned(original, path);
  const decoder = readDecoder(original);
  const chosen = planFor(options, decoder, await modelCosting(files, decoder));
  for (const note of planNotes(chosen)) terminal.info(note);
  const graphOptions = chooseGraphOptions(options, chosen.plan);
  const { model, plan } = pruneModel(original, chosen.plan, graphOptions);
  const { pixels: image } = await readPicture(options.picture ?? (await samplePicture()), io.stdin);
  const { exportTriton } = await import('@transprune/server/export');
  const keepRatios = plan.stages.map(({ keepRatio }) => keepRatio);
  const { models, golden } = await waiting(terminal, 'exporting', () =>
    finishFirst(
      exportTriton(output, {
        files,
        decoder: model,
        ...(graphOptions.runtimeRatios && { keepRatios }),
        ...{ question, image, maxNewTokens, extra, signal: io.signal },
      }),
    ),
  );
  const beside = Object.keys(extra);
  terminal.result({ target, output, models, plan, ...graphOptions, golden, beside }, () => [
    `Wrote ${output}:`,
    ...models.map((each) => `  models/${each}`),
    `  golden: ${question} ${golden.text} (${counted(golden.tokenIds.length, 'token')})`,
    ...beside.map((file) => `  ${file}`),
  ]);
}

/**
 * Files for the cluster, by their names.
 *
 * @throws TransPruneError INVALID_ARGUMENT for options that do not go with the target
 */
async function manifests(
  target: (typeof targets)[number],
  model: string,
  { storageUri, name }: Options,
): Promise<Readonly<Record<string, string>>> {
  if (target === 'kserve' && storageUri !== undefined) {
    const { inferenceService, resourceNameOf } = await import('@transprune/server/export');
    const service = { name: name ?? resourceNameOf(model), storageUri };
    return { 'inference-service.yaml': inferenceService(service) };
  }
  if (target === 'triton' && storageUri === undefined && name === undefined) return {};
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    target === 'kserve'
      ? 'expected --storage-uri with kserve, got none; say where the cluster will find the folder models, for example s3://bucket/models'
      : 'expected --storage-uri and --name with kserve only, got triton; leave them out',
    { target },
  );
}

async function samplePicture(): Promise<string> {
  const { samplesDirectory } = await import('@transprune/embedded-model');
  return join(samplesDirectory, 'scene-1.png');
}
