/** Answers the page's example in Node, for those who have not loaded the model. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { median } from '@transprune/bench';
import type { PrunePlan } from '@transprune/core';
import { modelDirectory, samplesDirectory } from '@transprune/embedded-model';
import { type Answer, surveyLayers, type Trace } from '@transprune/trace';
import { loadImage } from '@transprune/vlm';
import sharp from 'sharp';
import { grid } from '../state/samples.js';
import { nothingShown, type Shown, traceOf, withEvent } from '../trace/shown.js';
import { askBoth, engineRequest } from '../worker/ask.js';
import { embeddedModel } from '../worker/embedded-model.js';
import { openEngines } from '../worker/engines.js';
import type { Side } from '../worker/protocol.js';
import { warmUp } from '../worker/warm-up.js';
import { modelFiles } from './model-files.js';

/** Of the picture in the trace, which is only looked at; its noise is most of the file. */
const pictureQuality = 60;

interface Recording {
  /** How often is asked, after a warm-up; times are medians. Left out: once, and times mean nothing. */
  readonly timedRounds?: number;
  /** Whether the trace gets the maps of the layers. */
  readonly hasLayers?: boolean;
}

/** A trace of a sample. */
export async function recordTrace(
  sample: string,
  question: string,
  plan: PrunePlan,
  { timedRounds, hasLayers = false }: Recording = {},
): Promise<Trace> {
  const contents = new Map<string, Uint8Array>();
  for (const path of modelFiles) contents.set(path, await readFile(join(modelDirectory, path)));
  const model = embeddedModel(contents);
  const engines = await openEngines(model, nodeBackend, 'cpu');
  try {
    if (timedRounds) await warmUp(engines, plan);
    const file = join(samplesDirectory, `${sample}.png`);
    const picture = await loadImage(file);
    const { width, height } = picture;
    const pictures = { unpruned: picture, pruned: picture };
    const request = { question, pictures, pictureSize: width, plan };
    const { signal } = new AbortController();
    const rounds: Shown[] = [];
    for (let round = 0; round < (timedRounds ?? 1); round++) {
      let shown = nothingShown(question, engines.device, plan);
      await askBoth(engines, model.sizes, request, signal, (event) => {
        shown = withEvent(shown, event);
      });
      rounds.push(shown);
    }
    const { answers: _answers, ...told } = rounds[0] ?? nothingShown(question, '', plan);
    const answers = { unpruned: typical(rounds, 'unpruned'), pruned: typical(rounds, 'pruned') };
    const { keepRatios: _, ...survey } = engineRequest(request, 'unpruned');
    const layers = hasLayers ? await surveyLayers(await engines.surveyed(), survey) : [];
    const small = await sharp(file).webp({ quality: pictureQuality }).toBuffer();
    const url = `data:image/webp;base64,${small.toString('base64')}`;
    const trace = traceOf({ ...told, answers, layers }, { name: sample, width, height, url }, grid);
    if (!trace) throw new Error('expected an answer');
    return trace;
  } finally {
    await engines.dispose();
  }
}

/** An answer with the medians of its times. */
function typical(rounds: readonly Shown[], side: Side): Answer {
  const answers = rounds.flatMap((round) => round.answers[side] ?? []);
  const [first] = answers;
  if (!first) throw new Error('expected an answer');
  const over = (value: (answer: Answer) => number) => median(answers.map(value));
  return {
    ...first,
    firstTokenMs: over(({ firstTokenMs }) => firstTokenMs),
    visionMs: over(({ visionMs }) => visionMs),
    prefillMs: over(({ prefillMs }) => prefillMs),
    firstStepMs: over(({ firstStepMs }) => firstStepMs),
    tokensPerSecond: over(({ tokensPerSecond }) => tokensPerSecond),
  };
}
