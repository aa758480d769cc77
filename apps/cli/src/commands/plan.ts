import { readFile } from 'node:fs/promises';
import { fitToAttentionLayers, TransPruneError } from '@transprune/core';
import {
  attentionLayers,
  type Model,
  modelFromConfig,
  modelNames,
  modelPreset,
} from '@transprune/flops';
import type { Command } from 'commander';
import { example } from '../help.js';
import type { Io } from '../io.js';
import {
  addPlanOptions,
  choosePlan,
  type PlanOptions,
  planNotes,
} from '../options/plan-options.js';
import { addTokenOptions, type TokenOptions } from '../options/token-options.js';
import { type CostReport, costLegend, costReport, costRows } from '../show/costs.js';
import { type Grid, table } from '../show/table.js';
import { bytes, change, layerRanges, times } from '../show/units.js';
import { addOutputOptions, createTerminal, type OutputOptions } from '../terminal.js';

type Options = PlanOptions & TokenOptions & OutputOptions & { readonly model: string };

export function addPlanCommand(program: Command, io: Io): void {
  const command = program
    .command('plan')
    .description('Show where a preset prunes, how many tokens stay, and what that saves.')
    .requiredOption('--model <name>', `one of ${modelNames.join(', ')}; or a config.json`);
  addPlanOptions(command);
  addTokenOptions(command);
  addOutputOptions(command)
    .addHelpText('after', example('transprune plan --model llava-1.5-7b --preset transprune-high'))
    .action((options: Options) => plan(options, io));
}

async function plan(options: Options, io: Io): Promise<void> {
  const terminal = createTerminal(io, options);
  const model = await findModel(options.model);
  const layers = model.decoder.layers.length;
  const asked = choosePlan(options, layers);
  const fitted = fitToAttentionLayers(asked.plan, attentionLayers(model.decoder));
  const chosen = { ...asked, ...fitted };
  const costs = costReport(model, chosen.plan, {
    imageTokens: options.imageTokens ?? model.imageTokens,
    textTokens: options.textTokens,
  });
  const notes = [...planNotes(chosen, layers), ...formulaNotes(model), ...model.notes];
  for (const line of notes) terminal.info(line);
  const { method, accumulateLayers, direction, positions, perImage } = chosen.plan;
  const assumption =
    options.imageTokens === undefined ? model.imageAssumption : 'as asked for by --image-tokens';
  terminal.result(
    {
      model: model.name,
      source: model.source,
      layers,
      preset: chosen.preset,
      schedule: chosen.schedule,
      method,
      accumulateLayers,
      direction,
      positions,
      perImage,
      moved: chosen.moved,
      imageAssumption: assumption,
      ...costs,
    },
    () => [
      `${model.name}: ${layers} layers, ${costs.imageTokens} image tokens (${assumption}), ${costs.textTokens} text tokens`,
      chosen.plan.stages.length === 0
        ? 'Nothing is pruned.'
        : `${chosen.preset ?? 'custom'}: ${method}, direction ${direction}, token transition of layers ${layerRanges(accumulateLayers)}`,
      showStages(costs),
      showCosts(costs),
      costLegend,
    ],
  );
}

/** What the published formula takes for granted, where the decoder is something else. */
function formulaNotes({ decoder }: Model): string[] {
  const others = decoder.layers.filter(({ mixer }) => mixer.kind !== 'attention').length;
  return others === 0
    ? []
    : [
        `as published, every layer counts as plain attention; ${others} of ${decoder.layers.length} have another mixer, and count in full as what they are`,
      ];
}

function showStages({ imageTokens, stages }: CostReport): Grid {
  return table(
    ['prune', 'keep ratio', 'image tokens'],
    [
      ['(start)', '', `${imageTokens}`],
      ...stages.map((stage) => [
        `after layer ${stage.afterLayer}`,
        `${stage.keepRatio}`,
        `${stage.imageTokens}`,
      ]),
    ],
  );
}

function showCosts(costs: CostReport): Grid {
  const { baseline, pruned, flopsBoundSpeedup, speedupWithScoring } = costs.full;
  const caches = [baseline, pruned].map(({ kvCacheBytes }) => kvCacheBytes.afterPrefill);
  const [before = 0, after = 0] = caches;
  return table(
    ['', 'unpruned', 'pruned', 'change'],
    [
      ...costRows(costs),
      ['KV cache, float16', bytes(before), bytes(after), change(before, after)],
      ['most that prefill can gain', '', times(flopsBoundSpeedup), ''],
      ['  with scoring', '', times(speedupWithScoring), ''],
    ],
  );
}

/** A preset, or the sizes out of a `config.json`. */
async function findModel(name: string): Promise<Model> {
  if (!/\.json$|[/\\]/.test(name)) return modelPreset(name);
  let text: string;
  try {
    text = await readFile(name, 'utf8');
  } catch (cause) {
    throw new TransPruneError(
      'NOT_FOUND',
      `there is no readable file ${name}; give a config.json, or one of ${modelNames.join(', ')}`,
      { path: name },
      { cause },
    );
  }
  try {
    return modelFromConfig(JSON.parse(text), name);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected ${name} to be a config.json, got something that is not JSON (${error.message})`,
      { path: name },
      { cause: error },
    );
  }
}
