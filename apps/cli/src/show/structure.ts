/** A decoder graph as text. */
import {
  carriesTransition,
  type Method,
  methodNameOf,
  methodOf,
  type PrunePlan,
  TransPruneError,
} from '@transprune/core';
import type {
  DerivedReport,
  Inspection,
  LayerGroup,
  StageReport,
  Structure,
  ValueReport,
} from '@transprune/onnx';
import { layerRanges } from './units.js';

/** What was read of a decoder, and what a prune does to it. */
export function showStructure({ decoders, trial }: Pick<Inspection, 'decoders' | 'trial'>): string {
  const [first] = decoders;
  const lines = [
    section('Inputs', values(first?.inputs ?? [])),
    section('Outputs', values(first?.outputs ?? [])),
    ...(trial ? [section('Pruned for a trial', [showPlan(trial.plan)])] : []),
    ...decoders.flatMap((decoder, at) => [
      decoders.length > 1 ? `Branch ${at + 1} of ${decoders.length}` : '',
      section('Weights', [decoder.weightTypes.join(', ') || 'none']),
      ...decoder.layerGroups.map(showGroup),
      ...unreadLayers(decoder),
      section('Derived values', decoder.derived.map(showDerived)),
      ...decoder.stages.map(showStage),
    ]),
  ];
  return lines.filter((text) => text !== '').join('\n');
}

function section(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  return [title, ...lines.map((line) => `  ${line}`)].join('\n');
}

const count = (number: number, one: string, more = `${one}s`) =>
  `${number} ${number === 1 ? one : more}`;

/** Names, types and shapes; caches of all layers, which differ in their numbers only, in one line. */
function values(reports: readonly ValueReport[]): string[] {
  const groups = new Map<string, { name: string; numbers: number[]; rest: string }>();
  for (const { name, type, shape } of reports) {
    const number = /\.(\d+)\./.exec(name)?.[1];
    const pattern = number === undefined ? name : name.replace(`.${number}.`, '.{layer}.');
    const rest = `${type ?? 'type unknown'} [${shape.map((size) => size ?? '?').join(', ')}]`;
    // Lengths that are named after layers are alike.
    const key = JSON.stringify([pattern, number === undefined ? rest : type]);
    const group = groups.get(key) ?? { name: pattern, numbers: [], rest };
    if (number !== undefined) group.numbers.push(Number(number));
    groups.set(key, group);
  }
  return [...groups.values()].map(({ name, numbers, rest }) => {
    const own = numbers.length > 0 ? name.replace('{layer}', `{${layerRanges(numbers)}}`) : name;
    return `${own}: ${rest}`;
  });
}

function showGroup(group: LayerGroup): string {
  const { layers, mixer, operator, heads, kvHeads, headDim, lender, norms, projections } = group;
  const { rotary, rotated, window, softcap } = group;
  const isAttention = heads !== null && kvHeads !== null;
  const attention = [
    `${mixer} (${operator})`,
    isAttention ? `${count(heads, 'head')} x ${headDim}` : '',
    isAttention && kvHeads !== heads ? count(kvHeads, 'key-value head') : '',
    lender === null ? '' : `keys and values of layer ${lender}`,
    window === null ? '' : `window of ${window} tokens`,
    softcap ? 'soft cap' : '',
    group.readsPast ? '' : 'no past',
  ];
  const inside =
    rotated === null || rotated === headDim ? '' : `, ${rotated} of ${headDim} features`;
  const normNames = [
    [isAttention ? 'attention' : 'mixer', norms.attention],
    ['queries and keys', norms.queries],
    [isAttention ? 'after attention' : 'after mixer', norms.afterAttention],
    ['MLP', norms.ffn],
    ['after MLP', norms.afterFfn],
  ].flatMap(([place, name]) => (name ? [`${place} ${name}`] : []));
  return section(layerNames(layers), [
    `${isAttention ? 'attention' : 'mixer'}: ${attention.filter(Boolean).join(', ')}`,
    `projections: ${count(projections.matrices, 'matrix', 'matrices')}, ${projections.operator}${projections.biased ? ', with biases' : ''}`,
    ...(isAttention
      ? [
          `rotary embedding: ${rotary === 'inside' ? 'inside the node' : (rotary ?? 'not found')}${inside}`,
        ]
      : []),
    `norms: ${normNames.join('; ')}`,
    ...(group.parallel ? ['mixer and MLP side by side'] : []),
    ...(group.features ? ['features of each token added after the MLP'] : []),
  ]);
}

/** The layers that no group holds. */
function unreadLayers({ declaredLayers, layerGroups }: Structure): string[] {
  const read = Math.max(0, ...layerGroups.flatMap(({ layers }) => layers));
  const unread = Array.from({ length: declaredLayers - read }, (_, at) => read + at + 1);
  return unread.length > 0 ? [section(layerNames(unread), ['not read'])] : [];
}

const layerNames = (layers: readonly number[]) =>
  `${layers.length === 1 ? 'Layer' : 'Layers'} ${layerRanges(layers)}`;

function showDerived({ use, of, values, nodes, layers }: DerivedReport): string {
  const made = nodes === 0 ? 'as it comes' : `by ${count(nodes, 'node')}`;
  const readers = layerNames(layers).toLowerCase();
  return `${use}: ${count(values, 'value')} ${made}, read by ${readers}; of ${origins(of)}`;
}

/** Inputs that values are functions of; shapes under a word of their own. */
function origins(of: readonly string[]): string {
  const prefix = 'shape of ';
  const shapes = of.filter((name) => name.startsWith(prefix));
  const others = of.filter((name) => !name.startsWith(prefix));
  const measured = shapes.map((name) => name.slice(prefix.length)).join(', ');
  const shape =
    shapes.length === 0 ? [] : [`the ${shapes.length === 1 ? 'shape' : 'shapes'} of ${measured}`];
  return [...others, ...shape].join(', ') || 'nothing';
}

/** What a pruned file says of itself. */
export function showPruned(plan: PrunePlan): string {
  const prunes = plan.stages.map(
    ({ afterLayer, keepRatio }) =>
      `after layer ${afterLayer}, keeping ${keepRatio} of the image tokens`,
  );
  const title = `Pruned already, by ${showPlan(plan)}; layers after the first prune are not read. The original file can be pruned`;
  return section(title, prunes);
}

/** A plan in a line; a method of another package, which a file may name, by its name alone. */
function showPlan(plan: PrunePlan): string {
  const { accumulateLayers, direction, positions } = plan;
  const name = methodNameOf(plan);
  const summed = layerNames(accumulateLayers).toLowerCase();
  const isSummed = knownMethod(plan)?.needs.includes('transition');
  const own = carriesTransition(plan) ? '' : ' (at each prune those since the one before)';
  const transition = isSummed
    ? [`token transition of ${summed}${own}, direction ${direction}`]
    : [];
  return [name, ...transition, `positions ${positions}`].join(', ');
}

function knownMethod(plan: PrunePlan): Method | undefined {
  try {
    return methodOf(plan);
  } catch (error) {
    if (TransPruneError.isInstance(error)) return undefined;
    throw error;
  }
}

const gatheredKinds = ['stream', 'projection', 'norm', 'angles', 'features'] as const;

function showStage(stage: StageReport): string {
  const { afterLayer, keepRatio, gathered, scoringNodes, copiedNodes, rebased } = stage;
  const crossing = gatheredKinds.flatMap((as) => {
    const number = gathered.filter((value) => value.as === as).length;
    if (number === 0) return [];
    return number === 1 ? as : `${number} ${as.endsWith('s') ? as : `${as}s`}`;
  });
  const copied =
    copiedNodes > 0
      ? `, ${copiedNodes} of them copies of layer ${afterLayer + 1} and what it reads`
      : '';
  const { clonedNodes, addedNodes, roots } = rebased;
  return section(`Prune after layer ${afterLayer}, keeping ${keepRatio} of the image tokens`, [
    `score and select: ${count(scoringNodes, 'node')}${copied}`,
    `gather: ${crossing.join(', ')}`,
    `rebase: ${count(clonedNodes, 'node')} cloned, ${addedNodes} added, at ${origins(roots)}`,
  ]);
}
