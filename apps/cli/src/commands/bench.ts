import { availableParallelism } from 'node:os';
import {
  cacheElementBytes,
  type Precision,
  precisionNames,
  type SyntheticName,
  syntheticNames,
} from '@transprune/bench';
import { TransPruneError } from '@transprune/core';
import { readDecoder } from '@transprune/onnx';
import { type Command, Option } from 'commander';
import { runBench } from '../bench/bench.js';
import { writeSyntheticDecoder } from '../bench/synthetic.js';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { decoderCosting } from '../model/costing.js';
import { calledModel, findDecoder } from '../model/find.js';
import { sizesAreKnown, sizesOf } from '../model/sizes.js';
import { type TemporaryFolders, withTemporaryFolders } from '../model/temporary.js';
import { addBudgetOptions, type BudgetOptions } from '../options/budget-options.js';
import { addDeviceOption, type DeviceOptions } from '../options/device-option.js';
import { addModelOptions, type ModelOptions, modelForms } from '../options/model-options.js';
import { wholeNumber } from '../options/parsers.js';
import { addPlanOptions, type PlanOptions, planFor, planNotes } from '../options/plan-options.js';
import { addThreadOption, type ThreadOptions } from '../options/thread-option.js';
import { addTokenOptions, type TokenOptions } from '../options/token-options.js';
import { type BenchReport, showBench } from '../show/bench.js';
import { costReport } from '../show/costs.js';
import { addOutputOptions, createTerminal, type OutputOptions } from '../terminal.js';

const defaults = { imageTokens: 576, runs: 48, warmups: 2, decodeSteps: 4 };

type Options = ModelOptions &
  PlanOptions &
  BudgetOptions &
  TokenOptions &
  DeviceOptions &
  ThreadOptions &
  OutputOptions & {
    readonly synthetic?: SyntheticName;
    readonly runs: number;
    readonly precision: Precision;
    readonly decodeSteps: number;
  };

export function addBenchCommand(program: Command, io: Io): void {
  const command = program
    .command('bench')
    .description(
      'Time prefill and decoding, unpruned and pruned, on random embeddings. The oracle drops the same tokens without scoring: what the scoring costs is the difference. 48 rounds of --synthetic smollm2-135m take about 4 minutes on two free cores; --runs 6 gives a first impression.',
    )
    .addOption(
      new Option('--synthetic <name>', 'decoder of these sizes with random weights')
        .choices(syntheticNames)
        .conflicts('model'),
    );
  addModelOptions(command, `decoder as an .onnx file; or ${modelForms}`);
  addTokenOptions(addBudgetOptions(addPlanOptions(command)), defaults.imageTokens)
    .addOption(
      new Option('--precision <name>', 'of the weights of a --synthetic decoder')
        .choices(precisionNames)
        .default('fp32'),
    )
    .option(
      '--decode-steps <count>',
      'tokens decoded in each round',
      wholeNumber(1),
      defaults.decodeSteps,
    )
    .option(
      '--runs <count>',
      'rounds that count, after some that do not',
      wholeNumber(1),
      defaults.runs,
    );
  addThreadOption(command, availableParallelism());
  addDeviceOption(command);
  addOutputOptions(command)
    .addHelpText('after', example('transprune bench --synthetic smollm2-135m --json'))
    .action((options: Options) =>
      withTemporaryFolders(io, (folders) => bench(options, folders, io)),
    );
}

async function bench(options: Options, folders: TemporaryFolders, io: Io): Promise<void> {
  const terminal = createTerminal(io, options);
  const { createNodeBackend } = await import('@transprune/backend-node');
  const { readModelFile } = await import('@transprune/files/node');
  const { runs, threads, device, imageTokens = defaults.imageTokens, textTokens } = options;
  const { precision, decodeSteps } = options;
  const { warmups } = defaults;
  checkPrecision(options);
  if (options.synthetic) terminal.info(`making ${options.synthetic} with random weights`);
  const path = options.synthetic
    ? writeSyntheticDecoder(
        options.synthetic,
        precision,
        await folders.create(),
        imageTokens + textTokens + decodeSteps,
      )
    : await findDecoder(options.model, options, { io, terminal });
  const original = await readModelFile(path);
  const decoder = readDecoder(original);
  const config = sizesOf(decoder);
  const name = options.synthetic ?? calledModel(options.model, io);
  const costing = decoderCosting(name, decoder, { imageTokens, textTokens });
  const chosen = planFor(options, decoder, costing);
  for (const note of planNotes(chosen)) terminal.info(note);
  const result = await runBench({
    path,
    original,
    decoder,
    plan: chosen.plan,
    sizes: { ...config, imageTokens, textTokens },
    backend: createNodeBackend({ threads }),
    device,
    threads,
    runs,
    warmups,
    decodeSteps,
    folders,
    terminal,
    signal: io.signal,
  });
  const costs = costReport(costing.model, chosen.plan, {
    imageTokens,
    textTokens,
    bytesPerElement: cacheElementBytes[precision],
  });
  const report: BenchReport = {
    model: name,
    synthetic: options.synthetic !== undefined,
    precision: options.synthetic ? precision : null,
    preset: chosen.preset,
    schedule: chosen.schedule,
    sizes: config,
    imageTokens,
    textTokens,
    stages: costs.stages,
    threads,
    runs,
    warmups,
    flopsBoundSpeedup: sizesAreKnown(decoder) ? costs.full.flopsBoundSpeedup : null,
    ...result,
  };
  terminal.result(report, () => showBench(report));
}

/** @throws TransPruneError INVALID_ARGUMENT for a precision of a decoder that is there already */
function checkPrecision({ synthetic, precision }: Options): void {
  if (synthetic || precision === 'fp32') return;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    'expected --precision with --synthetic, got it without; a model file has the precision that it has',
    { option: '--precision' },
  );
}
