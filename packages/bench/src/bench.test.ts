/** A whole benchmark of a small decoder, from its weights to its JSON. */
import { nodeBackend } from '@transprune/backend-node';
import { createPlan } from '@transprune/core';
import { encodeModel, pruneModel } from '@transprune/onnx';
import { openSession, type Session } from '@transprune/session';
import { afterAll, expect, test } from 'vitest';
import { benchTimes, keptIndices, measure, parseBench, syntheticDecoder } from './index.js';

const heads = { heads: 4, kvHeads: 2, headDim: 16 };
const shape = { layers: 4, hiddenSize: 64, intermediateSize: 96, vocabularySize: 32, ...heads };
const rest = { rmsNormEpsilon: 1e-5, ropeTheta: 1e4, maxPositions: 64, tiedEmbeddings: false };
const sizes = { ...shape, imageTokens: 12, textTokens: 3 };
const plan = createPlan({ accumulateLayers: [1], stages: [{ afterLayer: 1, keepRatio: 0.25 }] });
const decoder = syntheticDecoder({ ...shape, ...rest }, { precision: 'fp32', positions: 32 });

const opened: Session[] = [];
const open = async (model: typeof decoder) => {
  const session = await openSession(nodeBackend, { bytes: encodeModel(model) }, 'cpu');
  opened.push(session);
  return session;
};
afterAll(() => Promise.all(opened.map((session) => session.dispose())));

async function measured() {
  const traced = await open(pruneModel(decoder, plan, { trace: true }).model);
  const constantIndices = await keptIndices(traced, sizes, 1);
  expect(constantIndices[0]).toHaveLength(6);
  const seen: number[] = [];
  const times = await measure({
    sessions: {
      baseline: await open(decoder),
      oracle: await open(pruneModel(decoder, plan, { constantIndices }).model),
      pruned: await open(pruneModel(decoder, plan).model),
    },
    decoding: ['baseline', 'pruned'],
    sizes,
    runs: 3,
    warmups: 1,
    decodeSteps: 2,
    onRound: (round) => seen.push(round),
    signal: new AbortController().signal,
  });
  expect(seen).toEqual([0, 1, 2, 3]);
  return benchTimes(times, 2);
}

test('a decoder is timed against itself, and its JSON is read again', async () => {
  const times = await measured();
  expect(times.prefillTimes.oracle.values).toHaveLength(3);
  expect(times.decodeTimes.pruned.values).toHaveLength(6);
  const document = {
    ...times,
    ...{ model: 'tiny', precision: 'fp32', preset: null, sizes: { layers: 4, hiddenSize: 64 } },
    ...{ imageTokens: 12, textTokens: 3, device: 'cpu', threads: 1, runs: 3, warmups: 1 },
    stages: [{ afterLayer: 1, keepRatio: 0.25, imageTokens: 3 }],
    flopsBoundSpeedup: 1.5,
  };
  expect(parseBench(JSON.stringify(document))).toEqual(document);
  const { speedup, speedupRange, ...before } = document;
  expect(speedupRange[0]).toBeLessThanOrEqual(speedup);
  expect(speedupRange[1]).toBeGreaterThanOrEqual(speedup);
  // Older files have no range, and the rounds that it comes of.
  expect(parseBench(JSON.stringify({ ...before, speedup }))).toEqual(document);
  const { prunedMs: _, ...less } = document;
  expect(() => parseBench(JSON.stringify(less))).toThrow(/prunedMs/);
  expect(() => parseBench('{')).toThrow(/expected the JSON of a benchmark.* got: no JSON/);
});
