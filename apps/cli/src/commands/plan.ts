import {
  carriesTransition,
  counted,
  fitToAttentionLayers,
  methodNameOf,
  methodOf,
  type PrunePlan,
  readsTransition,
} from '@transprune/core';
import { attentionLayers, type Model, modelNames } from '@transprune/flops';
import type { Command } from 'commander';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { askedAssumption } from '../model/costing.js';
import { findSizes } from '../model/find-sizes.js';
import { addBudgetOptions, type BudgetOptions, withinBudget } from '../options/budget-options.js';
import { addHubOptions, type HubOptions, modelForms } from '../options/model-options.js';
import {
  addPlanOptions,
  choosePlan,
  fullPlanNotes,
  type PlanOptions,
} from '../options/plan-options.js';
import {
  addReductionOptions,
  type ReductionOptions,
  reductionOf,
} from '../options/reduction-options.js';
import { addTokenOptions, type TokenOptions } from '../options/token-options.js';
import { type CostReport, costLegend, costReport, costRows } from '../show/costs.js';
import { type Grid, table } from '../show/table.js';
import { bytes, change, layerRanges, times } from '../show/units.js';
import { addOutputOptions, createTerminal, type OutputOptions } from '../terminal.js';

type Options = PlanOptions &
  BudgetOptions &
  ReductionOptions &
  HubOptions &
  TokenOptions &
  OutputOptions & { readonly model: string };

export function addPlanCommand(program: Command, io: Io): void {
  const command = program
    .command('plan')
    .description(
      'Show where a plan prunes, how many tokens stay, and what that saves; or find the plan for a budget. Of a model the config.json alone is read.',
    )
    .requiredOption(
      '--model <name>',
      `one of ${modelNames.join(', ')}; a config.json; or ${modelForms}`,
    );
  addReductionOptions(addBudgetOptions(addPlanOptions(addHubOptions(command))));
  addTokenOptions(command);
  addOutputOptions(command)
    .addHelpText(
      'after',
      example(
        'transprune plan --model llava-1.5-7b --preset transprune-high',
        'transprune plan --model owner/name --speedup 2',
      ),
    )
    .action((options: Options) => plan(options, io));
}

async function plan(options: Options, io: Io): Promise<void> {
  const terminal = createTerminal(io, options);
  const model = await findSizes(options.model, options, { io, terminal });
  const layers = model.decoder.layers.length;
  const asked = choosePlan(options, layers);
  const fitted = fitToAttentionLayers(asked.plan, attentionLayers(model.decoder));
  const tokens = {
    imageTokens: options.imageTokens ?? model.imageTokens,
    textTokens: options.textTokens,
  };
  const { moved } = fitted;
  const chosen = { ...asked, moved, ...withinBudget(fitted.plan, options, { model, ...tokens }) };
  const costs = costReport(model, chosen.plan, { ...tokens, reduction: reductionOf(options) });
  const notes = [
    ...fullPlanNotes(chosen, layers),
    ...massNotes(chosen.plan, costs),
    ...formulaNotes(model),
    ...model.notes,
  ];
  for (const line of notes) terminal.info(line);
  const { accumulateLayers, direction, transitionParts, positions, perImage } = chosen.plan;
  const { accumulation, keepMass, keepFloor } = chosen.plan;
  const assumption = options.imageTokens === undefined ? model.imageAssumption : askedAssumption;
  terminal.result(
    {
      model: model.name,
      source: model.source,
      layers,
      preset: chosen.preset,
      schedule: chosen.schedule,
      method: methodNameOf(chosen.plan),
      accumulateLayers,
      ...(accumulation && { accumulation }),
      direction,
      transitionParts: transitionParts ?? 'both',
      positions,
      perImage,
      ...(keepMass !== undefined && { keepMass, keepFloor: keepFloor ?? 0 }),
      moved,
      budget: chosen.budget,
      imageAssumption: assumption,
      ...costs,
    },
    () => [
      `${model.name}: ${counted(layers, 'layer')}, ${counted(costs.imageTokens, 'image token')} (${assumption}), ${counted(costs.textTokens, 'text token')}`,
      chosen.plan.stages.length === 0
        ? `Nothing is pruned${costs.reduction ? ' in the decoder' : ''}.`
        : `${chosen.preset ?? 'custom'}: ${howRanked(chosen.plan)}`,
      showStages(costs),
      showCosts(costs),
      costLegend,
    ],
  );
}

/** What tokens are ranked by. */
function howRanked(plan: PrunePlan): string {
  const { accumulateLayers, direction, transitionParts = 'both' } = plan;
  if (!readsTransition(methodOf(plan))) return methodNameOf(plan);
  const form = {
    both: `direction ${direction}`,
    magnitude: 'magnitude alone',
    direction: `direction ${direction} alone`,
  }[transitionParts];
  const own = carriesTransition(plan) ? '' : ', at each prune those since the one before';
  return `${methodNameOf(plan)}, ${form}, token transition of layers ${layerRanges(accumulateLayers)}${own}`;
}

/** What costs mean where the score decides how many tokens stay. */
function massNotes(
  { keepMass, stages }: PrunePlan,
  { full: { baseline, least } }: CostReport,
): string[] {
  if (keepMass === undefined || !least || stages.length === 0) return [];
  const saved =
    baseline.prefill.decoder.total / (least.prefill.decoder.total + least.prefill.scoring.total);
  return [
    `each prune keeps what holds ${keepMass} of the score, so that counts depend on the picture: costs are the most that it can be; at the floor prefill gains ${times(saved)} with scoring`,
  ];
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

function showStages({ imageTokens, reduction, stages }: CostReport): Grid {
  return table(
    ['prune', 'keep ratio', 'image tokens'],
    [
      ['(start)', '', `${imageTokens}`],
      ...(reduction
        ? [[`before the decoder: ${reduction.method}`, '', `${reduction.imageTokens}`]]
        : []),
      ...stages.map((stage) => [
        `after layer ${stage.afterLayer}`,
        `${stage.keepRatio}`,
        `${stage.leastImageTokens === undefined ? '' : `${stage.leastImageTokens} to `}${stage.imageTokens}`,
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
