import { counted } from '@transprune/core';
import {
  checkTarget,
  type DataPlacement,
  readModelFile,
  requireExternalData,
  writeModelFile,
} from '@transprune/files/node';
import { type OnnxModel, type PruneReport, pruneModel, readDecoder } from '@transprune/onnx';
import type { VerifyReport } from '@transprune/verify';
import type { Command } from 'commander';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { askedAssumption, defaultImageTokens, fileCosting, modelFolder } from '../model/costing.js';
import { findDecoder } from '../model/find.js';
import { sizesAreKnown } from '../model/sizes.js';
import { refusePruned } from '../model/unpruned.js';
import { addBudgetOptions, type BudgetOptions } from '../options/budget-options.js';
import {
  addGraphOptions,
  chooseGraphOptions,
  type GraphOptions,
} from '../options/graph-options.js';
import { addFileOptions, type FileOptions, modelForms } from '../options/model-options.js';
import {
  addPlanOptions,
  fullPlanNotes,
  type PlanOptions,
  planFor,
} from '../options/plan-options.js';
import { addTokenOptions, type TokenOptions } from '../options/token-options.js';
import { finishFirst } from '../pending.js';
import { type CostReport, costLegend, costReport, costRows } from '../show/costs.js';
import { addedInterface, showInterface } from '../show/interface.js';
import { type Block, table } from '../show/table.js';
import { bytes, change } from '../show/units.js';
import { showPassed } from '../show/verification.js';
import {
  addOutputOptions,
  createTerminal,
  type OutputOptions,
  type Terminal,
} from '../terminal.js';
import { addCheckOptions, type CheckOptions, checkOf } from './prune-check.js';

type Options = PlanOptions &
  BudgetOptions &
  GraphOptions &
  TokenOptions &
  FileOptions &
  CheckOptions &
  OutputOptions & {
    readonly output: string;
    readonly force?: boolean;
    readonly dryRun?: boolean;
  };

export function addPruneCommand(program: Command, io: Io): void {
  const command = program
    .command('prune')
    .description(
      'Rewrite a decoder so that it drops image tokens by itself. Weights in external files are neither read nor copied: the new file refers to the same ones, through a hard link if it is written to another folder.',
    )
    .argument('<model>', `decoder as an .onnx file; or ${modelForms}`)
    .requiredOption('-o, --output <file>', 'where to write the pruned decoder')
    .option('--force', 'replace the file if it is there already');
  addBudgetOptions(addPlanOptions(addFileOptions(command)));
  addGraphOptions(command).option('--dry-run', 'do everything but write');
  addCheckOptions(command);
  addTokenOptions(command, `as config.json beside the model has it, else ${defaultImageTokens}`);
  addOutputOptions(command)
    .addHelpText(
      'after',
      example(
        'transprune prune decoder.onnx -o decoder-pruned.onnx',
        'transprune prune decoder.onnx -o decoder-pruned.onnx --verify',
        'transprune prune decoder.onnx -o decoder-pruned.onnx --accumulate 7-12 --prune-after 7,9,12 --keep .875,.625,.125 --trace',
      ),
    )
    .action((model: string, options: Options) => prune(model, options, io));
}

async function prune(name: string, options: Options, io: Io): Promise<void> {
  const { output, dryRun = false } = options;
  const terminal = createTerminal(io, options);
  const path = await findDecoder(name, options, { io, terminal });
  const ifExists = options.force || dryRun ? 'replace' : 'refuse';
  const original = await readModelFile(path);
  refusePruned(original, path);
  const data = await requireExternalData(original, path);
  // Before anything that takes time; it is checked again when the file is written.
  await checkTarget(output, { inputs: [path, ...data.map((file) => file.path)], ifExists });
  const decoder = readDecoder(original);
  const layers = decoder.layers.length;
  const costing = await fileCosting(path, decoder, options);
  const chosen = planFor(options, decoder, costing);
  for (const note of fullPlanNotes(chosen, layers)) terminal.info(note);
  const graphOptions = chooseGraphOptions(options, chosen.plan);
  const { model, plan, report } = pruneModel(original, chosen.plan, graphOptions);
  io.signal.throwIfAborted();
  const subject = { original, path, data, plan, options: graphOptions };
  const check = checkOf(subject, options, terminal, io);
  let verification: VerifyReport | null = null;
  const verify =
    check &&
    (async (file?: string) => {
      verification = await check(file);
    });
  if (dryRun) await verify?.();
  const writing = {
    sourcePath: path,
    ifExists,
    signal: io.signal,
    ...(verify && { check: verify }),
  } as const;
  const writeModel = () => finishFirst(writeModelFile(model, output, writing));
  const externalData = dryRun ? [] : placementsOf(await writeModel(), output, terminal);
  const costs = sizesAreKnown(decoder)
    ? costReport(costing.model, plan, { ...costing, bytesPerElement: 4 })
    : null;
  const { preset, schedule, moved, budget } = chosen;
  const added = addedInterface(original, model, plan);
  terminal.result(
    {
      input: path,
      output: dryRun ? null : output,
      dryRun,
      preset,
      schedule,
      plan,
      moved,
      budget,
      ...graphOptions,
      before: countsOf(original, report.nodes.before),
      after: countsOf(model, report.nodes.after),
      ...added,
      scoringNodes: report.scoringNodes,
      constantBytes: report.constantBytes,
      externalData,
      verification,
      ...(costs ? { ...costs, imageAssumption: costing.imageAssumption } : { stages: plan.stages }),
    },
    () => {
      const done = dryRun ? 'Nothing was written (--dry-run).' : `Wrote ${output}.`;
      return [
        ...show(original, model, report, costs, costing.imageAssumption),
        ...showInterface(added),
        ...(verification ? showPassed(verification) : []),
        done,
      ];
    },
  );
  if (!dryRun) terminal.info(await nextStep(name, output));
}

/** What to do with the new file: it runs in place of the decoder of its model, whose folder is not known of each file. */
async function nextStep(name: string, output: string): Promise<string> {
  const model = name.endsWith('.onnx') ? await modelFolder(name) : name;
  const word = (text: string) => (/\s/.test(text) ? JSON.stringify(text) : text);
  return `next: transprune run picture.png "what is shown?" --model ${model === undefined ? 'FOLDER-OF-ITS-MODEL' : word(model)} --decoder ${word(output)}`;
}

/** Says what the user has to know about where the weights are. */
function placementsOf(
  placements: readonly DataPlacement[],
  output: string,
  terminal: Terminal,
): Pick<DataPlacement, 'data' | 'location' | 'placement'>[] {
  for (const { placement, data, location, reason } of placements) {
    if (placement === 'linked') terminal.info(`linked ${data} as ${location} beside ${output}`);
    if (placement === 'outside') {
      terminal.warn(
        `${output} refers to its weights as ${location}, outside its folder, which ONNX Runtime refuses to load; ${data} could not be linked into the folder: ${reason}. Write the pruned decoder next to the original instead, or copy the weights beside it and prune again`,
      );
    }
  }
  return placements.map(({ data, location, placement }) => ({ data, location, placement }));
}

/** @param nodes those in branches too */
function countsOf({ graph }: OnnxModel, nodes: number) {
  return {
    nodes,
    inputs: graph?.input.length ?? 0,
    outputs: graph?.output.length ?? 0,
  };
}

function show(
  original: OnnxModel,
  pruned: OnnxModel,
  report: PruneReport,
  costs: CostReport | null,
  assumption: string,
): Block[] {
  const { nodes } = report;
  const before = countsOf(original, nodes.before);
  const after = countsOf(pruned, nodes.after);
  const row = (name: string, from: number, to: number) => [
    name,
    `${from}`,
    `${to}`,
    change(from, to),
  ];
  const rows = [
    row('nodes', before.nodes, after.nodes),
    ['  score and select', '', `${report.scoringNodes}`, ''],
    row('inputs', before.inputs, after.inputs),
    row('outputs', before.outputs, after.outputs),
    ['added constants', '', bytes(report.constantBytes), ''],
    ['stages', '0', `${report.stages.length}`, ''],
  ];
  if (!costs) {
    const kept = report.stages.map(({ afterLayer, keepRatio }) => [
      `  after layer ${afterLayer}, keep`,
      '',
      `${keepRatio}`,
      '',
    ]);
    return [table(['', 'before', 'after', 'change'], [...rows, ...kept])];
  }
  const start = costs.imageTokens;
  const whence =
    assumption === askedAssumption ? assumption : `${assumption}; --image-tokens changes it`;
  for (const { afterLayer, imageTokens } of costs.stages) {
    rows.push(row(`  image tokens after layer ${afterLayer}`, start, imageTokens));
  }
  const [cacheBefore, cacheAfter] = [costs.full.baseline, costs.full.pruned].map(
    ({ kvCacheBytes }) => kvCacheBytes.afterPrefill,
  );
  rows.push(...costRows(costs), [
    'KV cache, float32',
    bytes(cacheBefore ?? 0),
    bytes(cacheAfter ?? 0),
    change(cacheBefore ?? 0, cacheAfter ?? 0),
  ]);
  return [
    table(['', 'before', 'after', 'change'], rows),
    `For ${counted(costs.imageTokens, 'image token')} (${whence}) and ${counted(costs.textTokens, 'text token')}.`,
    costLegend,
  ];
}
