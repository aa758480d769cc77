import { askingRows } from '@transprune/core';
import type { VlmFiles } from '@transprune/files';
import { llamaDecoder, modelFromConfig } from '@transprune/flops';
import type { Engine, GenerateResult, LocalEngine } from '@transprune/vlm';
import { type Command, Option } from 'commander';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { type TemporaryFolders, withTemporaryFolders } from '../model/temporary.js';
import { addDeviceOption, type DeviceOptions } from '../options/device-option.js';
import { numberList, wholeNumber } from '../options/parsers.js';
import { addPresetOption, planNotes } from '../options/plan-options.js';
import { answerReport } from '../run/answer.js';
import { type DecoderOptions, type PrunedDecoder, prunedDecoder } from '../run/decoder.js';
import { type CostReport, costReport } from '../show/costs.js';
import { showComparison, showFigures } from '../show/run.js';
import {
  addOutputOptions,
  createTerminal,
  type OutputOptions,
  type Terminal,
} from '../terminal.js';

const defaultRuns = 5;

type Options = DecoderOptions &
  DeviceOptions &
  OutputOptions & {
    readonly model?: string;
    readonly compare?: boolean;
    readonly runs: number;
    readonly maxNewTokens: number;
  };

interface Request {
  readonly image: string;
  readonly question: string;
}

export function addRunCommand(program: Command, io: Io): void {
  const command = program
    .command('run')
    .description('Ask a question about a picture, with a decoder that prunes itself.')
    .argument('<image>', 'picture: PNG, JPEG, WebP')
    .argument('<question>')
    .option('--model <folder>', 'model folder (default: the small one that comes along)');
  addDeviceOption(addPresetOption(command))
    .addOption(
      new Option(
        '--decoder <file>',
        'decoder that `prune` wrote, in place of one that is pruned for this run',
      ).conflicts('preset'),
    )
    .option('--keep-ratios <ratios>', 'what each prune keeps, in place of the plan', numberList)
    .option('--compare', 'answer with the unpruned decoder too, and show both side by side')
    .option('--runs <count>', 'with --compare: rounds that are timed', wholeNumber(1), defaultRuns)
    .option('--max-new-tokens <count>', 'longest answer', wholeNumber(1), 128);
  addOutputOptions(command)
    .addHelpText('after', example('transprune run scene.png "what color is the heart?" --compare'))
    .action((image: string, question: string, options: Options) =>
      withTemporaryFolders(io, (folders) => run({ image, question }, options, folders, io)),
    );
}

async function run(
  request: Request,
  options: Options,
  folders: TemporaryFolders,
  io: Io,
): Promise<void> {
  const terminal = createTerminal(io, options);
  const [{ createNodeBackend }, { modelFolder }, { createEngine, loadImage }, { modelDirectory }] =
    await Promise.all([
      import('@transprune/backend-node'),
      import('@transprune/files/node'),
      import('@transprune/vlm'),
      import('@transprune/embedded-model'),
    ]);
  // Before anything that takes time.
  await loadImage(request.image);
  const files = await modelFolder(options.model ?? modelDirectory);
  const pruned = await prunedDecoder(files, options, folders);
  for (const note of planNotes(pruned.chosen, pruned.decoder.layers)) terminal.info(note);
  const engine = await createEngine({
    files,
    backend: createNodeBackend(),
    device: options.device,
    decoder: pruned.source,
  });
  try {
    const ask = options.compare ? compare : answer;
    const { preset, schedule, plan } = pruned.chosen;
    const common = {
      ...request,
      model: files.name,
      device: engine.device,
      preset,
      schedule,
      plan,
    };
    await ask({ request, options, io, terminal, files, engine, pruned, common });
  } finally {
    await engine.dispose();
  }
}

interface Asking {
  readonly request: Request;
  readonly options: Options;
  readonly io: Io;
  readonly terminal: Terminal;
  readonly files: VlmFiles;
  readonly engine: LocalEngine;
  readonly pruned: PrunedDecoder;
  /** What every document begins with. */
  readonly common: object;
}

/** One answer, shown as it comes. */
async function answer({ request, options, io, terminal, files, engine, pruned, common }: Asking) {
  const stream = !options.json;
  const result = await generate(engine, request, options, io, (text) => {
    if (stream) io.stdout.write(text);
  });
  const costs = await costsOf(files, pruned, result);
  const report = answerReport([result], costs, 'pruned');
  terminal.result({ ...common, ...promptOf(result), pruned: report }, () => '');
  terminal.info(showFigures(report));
}

/** Both answers. The rounds alternate, after one of warm-up. */
async function compare({ request, options, io, terminal, files, engine, pruned, common }: Asking) {
  const unpruned = await engine.withDecoder(await files.graph('decoder_model_merged'));
  const sides = [
    { engine: unpruned, rounds: [] as GenerateResult[] },
    { engine, rounds: [] as GenerateResult[] },
  ] as const;
  try {
    for (let round = -1; round < options.runs; round++) {
      terminal.info(round < 0 ? 'warm-up round' : `round ${round + 1} of ${options.runs}`);
      for (const side of sides) {
        const result = await generate(side.engine, request, options, io);
        if (round >= 0) side.rounds.push(result);
      }
    }
  } finally {
    await unpruned.dispose();
  }
  const [first] = sides[0].rounds;
  if (!first) return;
  const costs = await costsOf(files, pruned, first);
  const before = answerReport(sides[0].rounds, costs, 'baseline');
  const after = answerReport(sides[1].rounds, costs, 'pruned');
  const document = {
    ...common,
    ...promptOf(first),
    runs: options.runs,
    warmups: 1,
    unpruned: before,
    pruned: after,
  };
  terminal.result(document, () =>
    [
      showComparison(before, after),
      `${pruned.name} on ${engine.device}; medians of ${options.runs} alternating rounds after one of warm-up.`,
      'FLOPs: multiply-adds of the prefill. As published: image tokens alone; in full: all tokens, lm head, scoring.',
    ].join('\n'),
  );
}

async function generate(
  engine: Engine,
  { image, question }: Request,
  { maxNewTokens }: Options,
  { signal }: Io,
  onText: (text: string) => void = () => {},
): Promise<GenerateResult> {
  const { collect } = await import('@transprune/vlm');
  const events = engine.generate({ question, images: [image], maxNewTokens, signal });
  return collect(events, ({ text }) => onText(text));
}

function promptOf({ prompt }: GenerateResult) {
  return { imageTokens: prompt.imageTokens, textTokens: prompt.textTokens };
}

/** The decoder's sizes are the graph's; those of the vision encoder are in `config.json`. */
async function costsOf(
  files: VlmFiles,
  { decoder, chosen }: PrunedDecoder,
  { prompt }: GenerateResult,
): Promise<CostReport> {
  const config: unknown = JSON.parse((await files.readText('config.json')) ?? '{}');
  const model = { ...modelFromConfig(config), decoder: llamaDecoder(decoder) };
  const images = new Set(prompt.imagePositions);
  const asking = askingRows({
    count: prompt.imageTokens + prompt.textTokens,
    isImage: (position) => images.has(position),
  });
  return costReport(model, chosen.plan, {
    imageTokens: prompt.imageTokens,
    textTokens: prompt.textTokens,
    instructionTokens: asking.length,
    bytesPerElement: 4,
  });
}
