/** All parts of the study, in order, and the document that they make. */

import { share } from '@transprune/eval';
import { type Figure, tradeOff } from '@transprune/report';
import { collect } from '@transprune/vlm';
import { openLanes } from './answers/lanes.js';
import { studiedModel } from './answers/model.js';
import { percent } from './document/markdown.js';
import { studyAblations } from './parts/ablations.js';
import { type Accuracies, studyAccuracy } from './parts/accuracy.js';
import { studyConversations } from './parts/conversation.js';
import { studyObjects } from './parts/objects.js';
import { studySchedules } from './parts/schedules.js';
import { studySignals } from './parts/signals.js';
import { studySizes, studySteps } from './parts/sizes.js';
import { studySpeed } from './parts/speed.js';
import { studyWhen } from './parts/when.js';
import {
  type HeldOut,
  readHeldOut,
  sampleQuestions,
  unseenQuestions,
} from './questions/held-out.js';
import { answersTo, type Extent, type Result, type Study } from './study.js';
import type { Costing } from './variants/costs.js';
import { mainMethods, settingsOf } from './variants/methods.js';

export interface Conduct {
  readonly extent: Extent;
  /** Questions asked at once. */
  readonly jobs: number;
  /** Where answers are kept. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onBegin: (what: string) => void;
}

/** That of the questions which the recipe was judged by is 1. */
const seed = 2;

/** Asks, measures, and writes it down. */
export async function conduct({ extent, jobs, folder, signal, onBegin }: Conduct): Promise<{
  readonly document: string;
  readonly figures: readonly Figure[];
}> {
  const model = await studiedModel();
  const heldOut = await readHeldOut();
  const lanes = await openLanes(model, jobs);
  try {
    const textTokens = await lanes.lend(async (engine) => {
      const lengths = [];
      for (const kind of heldOut.kinds) {
        const asked = heldOut.questions.find((question) => question.kind === kind);
        if (!asked) continue;
        const request = { question: asked.text, images: [asked.picture], maxNewTokens: 1 };
        lengths.push((await collect(engine.generate(request))).prompt.textTokens);
      }
      return Math.round(lengths.reduce((sum, length) => sum + length, 0) / lengths.length);
    });
    const costing = { model: model.counted, imageTokens: model.counted.imageTokens, textTokens };
    const unseen = unseenQuestions(heldOut.questions);
    const questions = sampleQuestions(unseen, extent.questions, seed);
    const study: Study = {
      asking: { ...{ model, lanes, folder, signal, onBegin } },
      ...{ extent, heldOut, costing, questions },
      settings: settingsOf(costing),
      sample: sampleQuestions(questions, extent.sample, seed),
    };
    const accuracies = await studyAccuracy(study);
    const objects = await studyObjects(study, accuracies);
    const ablations = await studyAblations(study);
    const schedules = await studySchedules(study, accuracies);
    const signals = await studySignals(study);
    const sizes = studySizes(study, accuracies);
    const conversation = await studyConversations(study);
    const speed = await studySpeed(study, accuracies);
    const figure = tradeOff(pointsOf(study, accuracies), 'prefill FLOPs');
    const document = [
      introduction(heldOut, costing, study),
      accuracies.markdown,
      `![${figure.title}](figures/study-${figure.name}.svg)`,
      objects,
      ablations,
      schedules.markdown,
      signals.markdown,
      sizes,
      studySteps(study, accuracies),
      conversation.markdown,
      speed.markdown,
      studyWhen(study, { accuracies, schedules, conversation, speed }),
    ];
    return { document: `${document.join('\n\n')}\n`, figures: [figure] };
  } finally {
    await lanes.dispose();
  }
}

function introduction({ questions: all }: HeldOut, costing: Costing, study: Study): string {
  const { decoder } = costing.model;
  const { questions, sample, settings } = study;
  const costs = settings.map(({ name, cost }) => `${name} ${percent(cost, 0)} %`).join(', ');
  return [
    '# The study',
    'Every method on one model, at equal cost, by one command: `npm run study` writes this page. All figures are of the [embedded model](../packages/embedded-model/README.md), a small one trained on generated pictures; they say how methods compare there, not how much another model loses. What speaks against the method is left in.',
    `The decoder has ${decoder.layers.length} layers of width ${decoder.hiddenSize}, a picture ${costing.imageTokens} image tokens, a prompt ${costing.textTokens} text tokens on average. ${questions.length} of ${all.length} held-out questions were asked in the main comparison, ${sample.length} in the others; none of them is among those that choices of how the model is trained were judged by. TransPrune's settings are the presets, scaled to this depth, and a harsher one; a prompt costs of the unpruned one: ${costs}.`,
    "In brackets stand 95 % confidence intervals over questions: of shares by Wilson, of means by bootstrap, differences paired by question (of right answers by Newcombe's method 10, of others by bootstrap). Questions about one picture count as independent, and what is called better or worse is not corrected for how much is compared.",
  ].join('\n\n');
}

/** Methods that the figure shows. */
const drawn: readonly string[] = [...mainMethods, 'vision-zip', 'div-prune'];

/** Where methods are at each setting. */
function pointsOf({ sample }: Study, { unpruned, all }: Accuracies) {
  const pointOf = (result: Result) => {
    const { value, low, high } = share(answersTo(result, sample));
    return { name: '', family: result.family, cost: result.cost, accuracy: value, low, high };
  };
  const methods = [...all.values()].flatMap((results) =>
    results.filter(({ family }) => drawn.includes(family)).map(pointOf),
  );
  const named = new Set<string>();
  return [pointOf(unpruned), ...methods].map((point) => {
    const isFirst = !named.has(point.family);
    named.add(point.family);
    return { ...point, name: isFirst ? point.family : '' };
  });
}
