/** Padding that a caller takes for tokens later, as transformers.js does: it stands where it stood unpruned. */
import { createPlan, ports } from '@transprune/core';
import { maxDifference } from '@transprune/fixtures';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { smallConfig as config, randomEmbeddings } from '../../../testing/random-decoder.js';
import { buildDecoder } from '../../builder/decoder.js';
import { randomWeights } from '../../builder/weights.js';
import { encodeModel, type OnnxModel } from '../../model/codec.js';
import { pruneModel } from '../prune.js';

const even = { ...config, kvHeads: config.heads };
const original = buildDecoder(even, randomWeights(1), { attention: 'multi-head' });
const plan = createPlan({ accumulateLayers: [1], stages: [{ afterLayer: 2, keepRatio: 0.5 }] });
const pruned = pruneModel(original, { ...plan, positions: 'renumber' }, { batch: true }).model;

const row = (length: number, value: number) => new Array<number>(length).fill(value);
const longs = (values: readonly number[]) =>
  new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);

/** One call of a session on a row of text, on top of the caches that an earlier one gave. */
async function call(
  session: InferenceSession,
  mask: readonly number[],
  positions: readonly number[],
  before?: InferenceSession.OnnxValueMapType,
) {
  const tokens = positions.length;
  const embeddings = randomEmbeddings(even, tokens, tokens);
  const empty = new Tensor('float32', [], [1, even.kvHeads, 0, even.headDim]);
  const caches = session.inputNames
    .filter((name) => name.startsWith('past_key_values.'))
    .map((name) => [name, before?.[name.replace('past_key_values', 'present')] ?? empty] as const);
  const feeds = {
    ...Object.fromEntries(caches),
    [ports.embeddings]: new Tensor('float32', embeddings, [1, tokens, even.hiddenSize]),
    [ports.attentionMask]: longs(mask),
    [ports.positionIds]: longs(positions),
    image_mask: longs(row(tokens, 0)),
    // That of the past is the caller's own, as long as nothing was dropped.
    'past_pruning.mask.0': longs(mask.slice(0, -tokens)),
  };
  const taken = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
  return session.run(Object.fromEntries(taken) as Record<string, Tensor>);
}

/** Logits of a step after a text that was padded in front, with a mask that tells of no padding any more. */
async function logitsAfterPadding(model: OnnxModel, firstPosition: number): Promise<Float32Array> {
  const session = await InferenceSession.create(encodeModel(model));
  const [padding, tokens] = [3, 5];
  const places = Array.from({ length: tokens }, (_, at) => at + firstPosition);
  const mask = [...row(padding, 0), ...row(tokens, 1)];
  const prefill = await call(session, mask, [...row(padding, 1), ...places]);
  const length = padding + tokens;
  const step = await call(session, row(length + 1, 1), [length + firstPosition], prefill);
  return step.logits?.data as Float32Array;
}

test.each([0, 1])('positions from %i', async (firstPosition) => {
  const expected = await logitsAfterPadding(original, firstPosition);
  const logits = await logitsAfterPadding(pruned, firstPosition);
  expect(maxDifference(logits, expected)).toBeLessThan(1e-4);
});
