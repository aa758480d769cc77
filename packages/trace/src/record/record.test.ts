/** Recording, by engines made by hand. */
import { createPlan } from '@transprune/core';
import { hostTensor } from '@transprune/session';
import { expect, test } from 'vitest';
import { answerOf, followAnswer } from './answer.js';
import type { TracedEngine, TracedEvent } from './engine.js';
import { explainStages } from './explain.js';
import { surveyLayers, surveyPlan } from './layers.js';

const finish: TracedEvent = {
  type: 'finish',
  text: ' a star ',
  reason: 'stop',
  usage: { completionTokens: 2 },
  prompt: { textTokens: 2, imageTokens: 3, imagePositions: [1, 2, 3] },
  timings: { timeToFirstTokenMs: 9, visionMs: 2, prefillMs: 5, decodeTokensPerSecond: 40 },
  cache: { afterPrefill: { lengths: [5, 3], bytes: 64 } },
};
const token = (text: string): TracedEvent => ({ type: 'token', text });

/** Text at positions 0 and 4, image tokens between. */
const stages: TracedEvent[] = [
  {
    ...{ type: 'stage', stage: 0, kept: [0, 1, 3, 4], keptImageTokens: [0, 2] },
    scores: [0, 0.9, 0.2, 0.9, 0],
  },
  { type: 'stage', stage: 1, kept: [0, 3, 4], keptImageTokens: [2], scores: [0, 0.8, 1.2, 0] },
];

/** An engine that tells these events, and notes what it is asked. */
function engineOf(events: readonly TracedEvent[]) {
  const requests: object[] = [];
  const engine: TracedEngine<object> = {
    async *generate(request) {
      requests.push(request);
      yield* events;
    },
  };
  return { engine, requests };
}

const numbers = (dims: number[], values: number[]) => hostTensor('float32', values, dims);

test('stages with the parts of their scores, over the patches that were still there', async () => {
  const tensors = {
    first: numbers([1, 5], [7, 1, 1, 2, 7]),
    second: numbers([1, 4], [7, 3, 1, 7]),
  };
  const outputs: TracedEvent = { type: 'outputs', tensors };
  const { engine, requests } = engineOf([...stages, outputs, token('a'), finish]);
  const taps = [
    { layers: [], transition: 'first' },
    { layers: [], transition: 'second' },
  ];
  const plan = createPlan({
    stages: [
      { afterLayer: 1, keepRatio: 0.7 },
      { afterLayer: 2, keepRatio: 0.4 },
    ],
  });
  const [one, two] = await explainStages({ engine, taps }, plan, { question: 'what?' });
  expect(requests).toEqual([{ question: 'what?', outputs: ['first', 'second'], maxNewTokens: 1 }]);
  expect(one).toMatchObject({ afterLayer: 1, keepRatio: 0.7, candidates: [0, 1, 2], kept: [0, 2] });
  expect(one?.scores).toEqual([0.9, 0.2, 0.9]);
  expect(one?.parts?.transition).toBeAllclose([0.25, 0.25, 0.5], { rtol: 1e-6 });
  expect(one?.parts?.instruction).toBeAllclose([0.65, 0, 0.4], { rtol: 1e-6 });
  expect(two).toMatchObject({ afterLayer: 2, candidates: [0, 2], kept: [2] });
  expect(two?.parts?.transition).toBeAllclose([0.75, 0.25], { rtol: 1e-6 });
});

test('maps of layers, at image tokens alone', async () => {
  const tensors = {
    // Tokens of two numbers: across, along and against, and twice, half and as long.
    in: numbers([1, 5, 2], [9, 9, 1, 0, 2, 0, 1, 0, 9, 9]),
    out: numbers([1, 5, 2], [9, 9, 0, 2, 1, 0, -1, 0, 9, 9]),
  };
  const module = { input: 'in', output: 'out' };
  const taps = [{ layers: [{ layer: 1, modules: [module, module] }] }];
  const { engine } = engineOf([{ type: 'outputs', tensors }, finish]);
  const [map] = await surveyLayers({ engine, taps }, {});
  expect(map?.layer).toBe(1);
  expect(map?.attention.magnitude).toBeAllclose([2, 0.5, 1], { rtol: 1e-6 });
  expect(map?.ffn.direction).toBeAllclose([1, 0, 2], { rtol: 1e-6, atol: 1e-6 });
  expect(surveyPlan(4)).toMatchObject({
    method: 'transition',
    accumulateLayers: [1, 2, 3],
    stages: [{ afterLayer: 3, keepRatio: 1 }],
  });
});

test('an answer as it comes, and what it took', async () => {
  const { engine } = engineOf([...stages, token('a'), token(''), token(' star'), finish]);
  const told: unknown[] = [];
  const followed = await followAnswer(
    engine,
    {},
    {
      text: (text) => told.push(text),
      stages: (soFar) => told.push(soFar.length),
    },
  );
  expect(told).toEqual([1, 2, 'a', ' star']);
  expect(followed.stages).toEqual(stages);
  const { firstStepMs, ...answer } = answerOf(followed, { pictureSize: 8, multiplyAdds: 3 });
  expect(firstStepMs).toBeGreaterThanOrEqual(0);
  expect(answer).toEqual({
    ...{ text: 'a star', finishReason: 'stop', tokens: 2, pictureSize: 8, firstTokenMs: 9 },
    ...{ visionMs: 2, prefillMs: 5, tokensPerSecond: 40, kvCacheBytes: 64, multiplyAdds: 3 },
    imageTokensPerLayer: [3, 1],
  });
});

test('an engine that ends without an end is a mistake', async () => {
  await expect(followAnswer(engineOf([token('a')]).engine, {})).rejects.toThrow('a finish event');
});
