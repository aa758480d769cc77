/** All parts of the study, in order, and the document that they make. */

import { meanOfPoints } from '@transprune/eval';
import { type Figure, tradeOff } from '@transprune/report';
import { collect } from '@transprune/vlm';
import { openLane } from './answers/lane.js';
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
import { drawQuestions, readHeldOut, unseenQuestions } from './questions/held-out.js';
import { mean } from './statistics/ratio.js';
import { answersTo, type Extent, type Result, type Study } from './study.js';
import { drawnMethods, settingsOf } from './variants/methods.js';

export interface Conduct {
  readonly extent: Extent;
  /** That answers are computed on. */
  readonly threads: number;
  /** Where answers are kept. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onBegin: (what: string) => void;
}

/** That of the questions which the recipe was judged by is 1. */
const seed = 2;

/** Asks, measures, and writes it down. */
export async function conduct({ extent, threads, folder, signal, onBegin }: Conduct): Promise<{
  readonly document: string;
  readonly figures: readonly Figure[];
}> {
  const model = await studiedModel();
  const heldOut = await readHeldOut();
  const lane = await openLane(model, threads);
  try {
    const lengths = [];
    for (const kind of heldOut.kinds) {
      const asked = heldOut.questions.find((question) => question.kind === kind);
      if (!asked) continue;
      const request = { question: asked.text, images: [asked.picture], maxNewTokens: 1 };
      lengths.push((await collect(lane.engine.generate(request))).prompt.textTokens);
    }
    const textTokens = Math.round(mean(lengths));
    const costing = { model: model.counted, imageTokens: model.counted.imageTokens, textTokens };
    const unseen = unseenQuestions(heldOut.questions);
    const questions = drawQuestions(unseen, extent.questions, seed);
    const study: Study = {
      asking: { ...{ model, lane, folder, signal, onBegin } },
      ...{ extent, heldOut, costing, unseen, questions },
      settings: settingsOf(costing),
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
      introduction(study),
      accuracies.markdown,
      `![${figure.title}](figures/study-${figure.name}.svg)`,
      objects,
      ablations,
      schedules.markdown,
      signals,
      sizes,
      studySteps(study, accuracies),
      conversation.markdown,
      speed.markdown,
      studyWhen(study, { accuracies, schedules, conversation, speed }),
    ];
    return { document: `${document.join('\n\n')}\n`, figures: [figure] };
  } finally {
    await lane.dispose();
  }
}

function introduction({ heldOut, costing, unseen, questions, settings, extent }: Study): string {
  const { decoder } = costing.model;
  const costs = settings.map(({ name, cost }) => `${name} ${percent(cost, 0)} %`).join(', ');
  return [
    '# The study',
    'Every method on one model, at equal cost, by one command: `npm run study` writes this page. All figures are of the [embedded model](../packages/embedded-model/README.md), a small one trained on generated pictures; they say how methods compare there, not how much another model loses. What speaks against the method is left in.',
    `The decoder has ${decoder.layers.length} layers of width ${decoder.hiddenSize}, a picture ${costing.imageTokens} image tokens, a prompt ${costing.textTokens} text tokens on average. Of ${heldOut.questions.length} held-out questions ${unseen.length} may be asked, for no choice of how the model is trained was judged by them; ${questions.length} of these are drawn by a fixed seed, in the mix that they come in, and every method is asked all of them. The parts below that ask others, or some of these, give their own numbers. TransPrune's settings are the presets, scaled to this depth, and a harsher one; a prompt costs of the unpruned one: ${costs}.`,
    `In brackets stand 95 % confidence intervals over questions: of shares by Wilson, of means and quotients by bootstrap, differences paired by question (of right answers by Newcombe's method 10, of others by bootstrap). A random choice keeps the same patches of every picture, so rows of *random* ask each question with ${extent.masks} choices: the question counts the mean, and the interval is by bootstrap over questions of these means. Questions about one picture count as independent, and what is called better or worse is not corrected for how much is compared.`,
  ].join('\n\n');
}

/** Where methods are at each setting. */
function pointsOf({ questions }: Study, { unpruned, all }: Accuracies) {
  const pointOf = (result: Result) => {
    const { value, low, high } = meanOfPoints(answersTo(result, questions));
    return { name: '', family: result.family, cost: result.cost, accuracy: value, low, high };
  };
  const methods = [...all.values()].flatMap((results) =>
    results.filter(({ family }) => drawnMethods.includes(family)).map(pointOf),
  );
  const named = new Set<string>();
  return [pointOf(unpruned), ...methods].map((point) => {
    const isFirst = !named.has(point.family);
    named.add(point.family);
    return { ...point, name: isFirst ? point.family : '' };
  });
}
