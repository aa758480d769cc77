/** Part 3: what tells the patches of objects from background, layer by layer. */
import {
  arrayAlgebra as algebra,
  attentionUpdate,
  createPlan,
  layerTransition,
  layerVariation,
  type ModulePass,
  type NDArray,
} from '@transprune/core';
import { average, type Estimate } from '@transprune/eval';
import { encodeModel, pruneModel, type StageTaps } from '@transprune/onnx';
import { type HostTensor, numbersOf } from '@transprune/session';
import { surveyPlan } from '@transprune/trace';
import type { EngineEvent, LocalEngine } from '@transprune/vlm';
import { points, section, table, withInterval } from '../document/markdown.js';
import type { StudyQuestion } from '../questions/held-out.js';
import { areaUnderCurve } from '../statistics/auc.js';
import { contrast } from '../statistics/contrast.js';
import type { Study } from '../study.js';

/** What image tokens are told apart by, as the columns of the table. */
const signalNames = [
  'transition',
  'residual update',
  'update of attention',
  'instruction',
] as const;
type SignalName = (typeof signalNames)[number];

/** Numbers of each image token, by layer from 1. */
type LayerSignals = ReadonlyMap<number, Partial<Readonly<Record<SignalName, readonly number[]>>>>;

/** The patches that are looked for. */
const targets = ['objects', 'asked objects'] as const;
type Target = (typeof targets)[number];

export async function studySignals(study: Study): Promise<string> {
  const { asking, heldOut, extent, costing } = study;
  const layers = costing.model.decoder.layers.length;
  const chosen = onePerScene(study.questions, heldOut.set.scenes).slice(0, extent.pictures);
  asking.onBegin(`signals of ${layers - 1} layers at ${chosen.length} pictures`);
  const found = new Map<string, number[]>();
  const engines = await openSurveys(study, layers);
  try {
    for (const question of chosen) {
      asking.signal.throwIfAborted();
      const signals = await surveyQuestion(engines, question);
      const patches = patchesOf(study, question);
      for (const [layer, byName] of signals) {
        for (const name of signalNames) {
          for (const target of targets) {
            const area = areaUnderCurve(byName[name] ?? [], (token) => patches[target].has(token));
            const key = keyOf(layer, name, target);
            if (area !== undefined) found.set(key, [...(found.get(key) ?? []), area]);
          }
        }
      }
    }
  } finally {
    await engines.dispose();
  }
  const areasOf = (layer: number, name: SignalName, target: Target) =>
    found.get(keyOf(layer, name, target)) ?? [];
  const numbers = Array.from({ length: layers - 1 }, (_, index) => index + 1);
  return section(
    'What tells objects from background',
    `The supplement's figures suggest that the transition is large at what a picture is about, in layers of the middle. Here the patches of the objects are known. The area under the ROC curve, in percent, over ${chosen.length} pictures with one question each: 50 is chance, below it background scores higher. *Residual update* is how far the layer moves a token, *instruction* the attention that it gets from the question after the layer.`,
    ...targets.flatMap((target) => {
      const areas = (layer: number, name: SignalName) => areasOf(layer, name, target);
      return [
        `**${target === 'objects' ? 'Patches of any object, against background' : 'Patches of the objects that the answer depends on, against all others'}**`,
        conclusion(numbers, (layer) => areas(layer, 'transition'), study),
        besideOthers(numbers, areas),
        table(
          ['after layer', ...signalNames],
          numbers.map((layer) => [
            `${layer}`,
            ...signalNames.map((name) => withInterval(average(areas(layer, name)))),
          ]),
        ),
      ];
    }),
  );
}

const keyOf = (layer: number, name: SignalName, target: Target) => `${layer} ${name} ${target}`;

/** What the transition tells, and whether layers of the middle tell more. */
function conclusion(
  layers: readonly number[],
  areasOf: (layer: number) => readonly number[],
  { settings }: Study,
): string {
  const at = (layer: number) => average(areasOf(layer));
  const telling = layers.filter((layer) => at(layer).low > 0.5);
  const reversed = layers.filter((layer) => at(layer).high < 0.5);
  const third = Math.ceil(layers.length / 3);
  const isMiddle = (layer: number) => layer > third && layer <= 2 * third;
  const [middle, others] = [true, false].map((wanted) =>
    layers.filter((layer) => isMiddle(layer) === wanted),
  ) as [number[], number[]];
  const compared = contrast(middle.map(areasOf), others.map(areasOf));
  const { low, high } = compared.difference;
  const word =
    low > 0 ? 'holds here' : high < 0 ? '**does not hold here**' : '**is not told apart here**';
  const accumulated = settings[0]?.plan.accumulateLayers ?? [];
  const used = accumulated.filter((layer) => telling.includes(layer));
  const best = layers.reduce((a, b) => (at(b).value > at(a).value ? b : a), 1);
  return [
    `That layers of the middle (${middle.join(', ')}) tell more than the others ${word}: their mean area is ${withInterval(compared.own)}, that of the others ${withInterval(compared.others)}, paired by picture ${points(compared.difference)} points.`,
    `The transition tells them apart better than chance after ${named(telling)}, of which ${named(telling.filter((layer) => !isMiddle(layer)))} not of the middle; best after layer ${best} (${withInterval(at(best))}). It scores what is not looked for higher after ${named(reversed)}.`,
    `Of the layers that the presets accumulate (${accumulated.join(', ')}) ${used.length === 0 ? 'none tells' : `${used.join(', ')} tell`} them apart.`,
  ].join(' ');
}

const named = (found: readonly number[]) =>
  found.length === 0
    ? 'no layer'
    : found.length === 1
      ? `layer ${found[0]}`
      : `layers ${found.join(', ')}`;

/** Where other signals tell more than the transition does, and where less, paired by picture. */
function besideOthers(
  layers: readonly number[],
  areasOf: (layer: number, name: SignalName) => readonly number[],
): string {
  const beside = (name: SignalName) => {
    const gains = layers.map(
      (layer) => contrast([areasOf(layer, name)], [areasOf(layer, 'transition')]).difference,
    );
    const after = (isSo: (gain: Estimate) => boolean) => {
      const found = layers.filter((_, at) => isSo(gains[at] as Estimate));
      return `${found.length} of ${layers.length} layers${found.length === 0 ? '' : ` (${found.join(', ')})`}`;
    };
    return `${name} more after ${after(({ low }) => low > 0)}, less after ${after(({ high }) => high < 0)}`;
  };
  const others = signalNames.filter((name) => name !== 'transition').map(beside);
  return `Beside the transition, paired by picture, other signals tell: ${others.join('; ')}.`;
}

/** Questions about some of a scene's objects, the first of each scene. */
function onePerScene(
  questions: readonly StudyQuestion[],
  scenes: Study['heldOut']['set']['scenes'],
): StudyQuestion[] {
  const first = new Map<number, StudyQuestion>();
  for (const question of questions) {
    const all = scenes[question.scene]?.objects.length ?? 0;
    const isAboutSome = question.objects.length > 0 && question.objects.length < all;
    if (isAboutSome && !first.has(question.scene)) first.set(question.scene, question);
  }
  return [...first.values()];
}

function patchesOf({ heldOut }: Study, { scene, objects }: StudyQuestion) {
  const all = heldOut.set.scenes[scene]?.objects ?? [];
  return {
    objects: new Set(all.flatMap(({ patches }) => patches)),
    'asked objects': new Set(objects.flatMap((index) => all[index]?.patches ?? [])),
  } satisfies Record<Target, ReadonlySet<number>>;
}

/** Decoders that drop nothing and tell of every layer. */
interface Surveys {
  readonly tapped: LocalEngine;
  readonly taps: readonly StageTaps[];
  /** Scores by the instruction's attention after each layer. */
  readonly instruction: LocalEngine;
  dispose(): Promise<void>;
}

async function openSurveys({ asking }: Study, layers: number): Promise<Surveys> {
  const { model, lane } = asking;
  const rewritten = pruneModel(
    model.original,
    { ...surveyPlan(layers), positions: 'renumber' },
    { taps: true },
  );
  const stages = Array.from({ length: layers - 1 }, (_, at) => ({
    afterLayer: at + 1,
    keepRatio: 1,
  }));
  const tapped = await lane.engine.withDecoder({ bytes: encodeModel(rewritten.model) });
  const instruction = await lane.withPlan(createPlan({ method: 'instruction', stages }));
  return {
    ...{ tapped, instruction: instruction.engine, taps: rewritten.report.taps },
    async dispose() {
      await instruction.dispose();
      await tapped.dispose();
    },
  };
}

/** Runs a prompt up to the first token. */
async function surveyQuestion(
  { tapped, taps, instruction }: Surveys,
  { text, picture }: StudyQuestion,
): Promise<LayerSignals> {
  const layers = taps.flatMap((stage) => stage.layers);
  const outputs = layers.flatMap(({ modules }) => modules.flatMap((m) => [m.input, m.output]));
  const request = { question: text, images: [picture], maxNewTokens: 1 };
  const { tensors, imagePositions } = await eventsOf(tapped.generate({ ...request, outputs }));
  const { scores } = await eventsOf(instruction.generate(request));
  const read = (name: string) => {
    const tensor = tensors[name];
    if (!tensor) throw new Error(`expected the output ${name}`);
    return numbersOf(tensor);
  };
  const ofImage = ({ data }: NDArray) => imagePositions.map((position) => data[position] ?? 0);
  return new Map(
    layers.map(({ layer, modules }, at) => {
      const passes: ModulePass<NDArray>[] = modules.map((m) => ({
        input: read(m.input),
        output: read(m.output),
      }));
      const row = scores[at] ?? [];
      return [
        layer,
        {
          transition: ofImage(layerTransition(algebra, passes, { direction: '1-cos' })),
          'residual update': ofImage(layerVariation(algebra, passes)),
          'update of attention': ofImage(attentionUpdate(algebra, passes)),
          instruction: imagePositions.map((position) => row[position] ?? 0),
        },
      ];
    }),
  );
}

async function eventsOf(events: AsyncIterable<EngineEvent>) {
  let tensors: Readonly<Record<string, HostTensor>> = {};
  let imagePositions: readonly number[] = [];
  const scores: (readonly number[])[] = [];
  for await (const event of events) {
    if (event.type === 'stage') scores.push(event.scores);
    if (event.type === 'outputs') tensors = event.tensors;
    if (event.type === 'finish') imagePositions = event.prompt.imagePositions;
  }
  return { tensors, imagePositions, scores };
}
