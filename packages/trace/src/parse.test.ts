import { expect, test } from 'vitest';
import { parseTrace } from './parse.js';

const answer = {
  text: 'red',
  finishReason: 'stop',
  tokens: 1,
  pictureSize: 2,
  firstTokenMs: 3,
  visionMs: 1,
  prefillMs: 1,
  firstStepMs: 1,
  tokensPerSecond: 10,
  imageTokensPerLayer: [4, 2],
  kvCacheBytes: 100,
  multiplyAdds: 1000,
};
const trace = {
  format: 'transprune-trace',
  version: 1,
  model: 'tiny',
  device: 'cpu',
  question: 'what color?',
  picture: { name: 'a.png', width: 2, height: 2, url: 'data:image/png;base64,aGk=' },
  grid: { columns: 2, rows: 2 },
  plan: { method: 'transprune', stages: [{ afterLayer: 1, keepRatio: 0.5 }] },
  imageTokens: 4,
  textTokens: 3,
  pruned: answer,
  stages: [
    { afterLayer: 1, keepRatio: 0.5, candidates: [0, 1, 2, 3], kept: [1, 2], scores: [1, 4, 3, 2] },
  ],
  layers: [],
};

test('gives back what was written', () => {
  expect(parseTrace(JSON.stringify(trace))).toEqual(trace);
});

test.each([
  ['no JSON', '{', /got: no JSON/],
  ['another file', '[]', /got: .*expected object/],
  ['a later version', JSON.stringify({ ...trace, version: 2 }), /version/],
  [
    'a picture elsewhere',
    JSON.stringify({ ...trace, picture: { ...trace.picture, url: 'https://host/a.png' } }),
    /data: URL of a picture/,
  ],
  [
    'a patch outside',
    JSON.stringify({ ...trace, grid: { columns: 1, rows: 2 } }),
    /patch 2 of a grid of 1 x 2/,
  ],
  [
    'a score too few',
    JSON.stringify({ ...trace, stages: [{ ...trace.stages[0], scores: [1] }] }),
    /1 scores of 4 patches/,
  ],
])('refuses %s', (_, text, message) => {
  expect(() => parseTrace(text)).toThrow(message);
});
