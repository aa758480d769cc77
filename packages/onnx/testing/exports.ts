/** Decoders as real exporters write them, held against PyTorch's own layers: a sample in `npm test`, then all. */
import { linkSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createPlan, type PositionMode, positionModes } from '@transprune/core';
import {
  type ExportedDecoder,
  type ExportLogits,
  exportExtra,
  exportImageMask,
  exportTruth,
  maxDifference,
} from '@transprune/fixtures';
import { openDecoder } from '@transprune/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { readDecoder } from '../src/decoder/read.js';
import { decodeModel, encodeModel, type OnnxModel } from '../src/model/codec.js';
import { readPlan } from '../src/model/metadata.js';
import { pruneModel } from '../src/prune/prune.js';

const folder = mkdtempSync(join(tmpdir(), 'transprune-'));

/** What the precision of weights and caches leaves of the logits; integers are another model. */
const tolerance = { float32: 1e-4, float16: 2e-2 };

/** The same of scores, which sum to 2; float16 has been seen to leave 1.4e-4. */
const scoreTolerance = { float32: 1e-5, float16: 5e-4 };

/** Runs the prompt and the decoding steps. */
async function run(
  exported: ExportedDecoder,
  model: OnnxModel,
  imageMask = exportImageMask(exportTruth(exported.architecture)),
) {
  const truth = exportTruth(exported.architecture);
  // Weights have to lie in the model's folder.
  const own = mkdtempSync(join(folder, 'model-'));
  linkSync(join(dirname(exported.path), 'weights.bin'), join(own, 'weights.bin'));
  const path = join(own, 'model.onnx');
  writeFileSync(path, encodeModel(model));
  const decoder = await openDecoder(path, exported);
  const last = (logits: Float32Array) => logits.slice(-truth.vocabulary);
  const positions = (rows: readonly (readonly number[])[], from: number, to: number) => ({
    positionIds: rows.flatMap((row) => row.slice(from, to)),
  });
  const prefill = await decoder.step(truth.inputsEmbeds, imageMask, {
    ...positions(truth.positionIds, 0, truth.tokens),
    extra: exportExtra(truth, truth.perLayerInputs),
  });
  const decode: Float32Array[] = [];
  let lengths = prefill.cacheLengths;
  for (const [at, embeds] of truth.decodeEmbeds.entries()) {
    const options = {
      ...positions(truth.decodePositionIds, at, at + 1),
      extra: exportExtra(truth, truth.decodePerLayerInputs[at] ?? new Float32Array()),
    };
    const step = await decoder.step(embeds, undefined, options);
    decode.push(last(step.logits));
    lengths = step.cacheLengths;
  }
  return { logits: { prefill: last(prefill.logits), decode }, lengths, prefill };
}

function difference(actual: ExportLogits, expected: ExportLogits): number {
  const steps = actual.decode.map((logits, i) => maxDifference(logits, expected.decode[i]!));
  return Math.max(maxDifference(actual.prefill, expected.prefill), ...steps);
}

/**
 * Tests that these files, pruned, answer as PyTorch's layers do.
 *
 * @param takesTurns each file is pruned with one way to number positions, unless the environment variable `VERIFY_ALL`
 *   asks for everything
 */
export function testExports(decoders: readonly ExportedDecoder[], takesTurns = false): void {
  afterAll(() => rmSync(folder, { recursive: true }));
  const inTurn = takesTurns && process.env.VERIFY_ALL === undefined;
  describe.each(
    decoders.map(
      (exported, at) => [`${exported.architecture}/${exported.name}`, exported, at] as const,
    ),
  )('%s', (_, exported, at) => {
    const modes = positionModes.filter((_, mode) => !inTurn || mode === at % positionModes.length);
    const truth = exportTruth(exported.architecture);
    const original = decodeModel(readFileSync(exported.path));
    const allowed = tolerance[exported.precision as keyof typeof tolerance] as number | undefined;
    const { stages } = truth;
    const plan = (fields: { positions: PositionMode }) =>
      createPlan({
        method: 'random',
        seed: truth.seed,
        stages: stages.map(({ afterLayer, keepRatio }) => ({ afterLayer, keepRatio })),
        ...fields,
      });
    const isWindowed = readDecoder(original).layers.some(
      ({ attention }) => attention?.reading.window,
    );

    test.each(modes)('positions %s, prefill and decoding', async (positions) => {
      const prune = () => pruneModel(original, plan({ positions }), { trace: true }).model;
      const expected = truth[positions];
      if (isWindowed && positions === 'keep') {
        expect(prune).toThrow(/sliding window counts what is left/);
        return;
      }
      const { prefill, logits, lengths } = await run(exported, prune());
      stages.forEach(({ kept }, stage) => {
        expect(prefill.extra[`pruning.kept.${stage}`]).toEqual(kept);
      });
      expect(lengths).toEqual(truth.cacheLengths);
      if (allowed !== undefined) expect(difference(logits, expected!)).toBeLessThan(allowed);
    });

    const scoredModes = modes.filter((positions) => truth.transprune[positions]);
    test.each(scoredModes)('transprune, positions %s, prefill and decoding', async (positions) => {
      const { accumulateLayers, [positions]: expected } = truth.transprune;
      const scored = createPlan({ ...plan({ positions }), method: 'transprune', accumulateLayers });
      const { model } = pruneModel(original, scored, { trace: true });
      const { prefill, logits, lengths } = await run(exported, model);
      expect(lengths).toEqual(truth.cacheLengths);
      // Other weights rank otherwise; the lengths have said how many they keep.
      if (!expected || allowed === undefined) return;
      const within = scoreTolerance[exported.precision as keyof typeof scoreTolerance];
      const isImage = exportImageMask(truth);
      let before = isImage.map((_, i) => i);
      for (const [stage, { scores, kept }] of expected.stages.entries()) {
        const score = prefill.extra[`pruning.score.${stage}`]!;
        const image = before.filter((i) => isImage[i]);
        const ofImage = score.filter((_, at) => isImage[before[at]!]);
        expect(maxDifference(ofImage, scores)).toBeLessThan(within);
        const left = prefill.extra[`pruning.kept.${stage}`]!;
        if (exported.precision === 'float32') expect(left).toEqual(kept);
        const scoresOf = (isKept: boolean) =>
          scores.filter((_, at) => left.includes(image[at]!) === isKept);
        const gap = Math.min(...scoresOf(true)) - Math.max(...scoresOf(false));
        expect(gap).toBeGreaterThan(-2 * within);
        // A near tie that fell the other way: what follows is about other tokens.
        if (left.join() !== kept.join()) return;
        before = left;
      }
      expect(difference(logits, expected)).toBeLessThan(allowed);
    });

    let unpruned: ReturnType<typeof run> | undefined;
    const unprunedTolerance = exported.precision === 'float32' ? 1e-4 : 2e-2;
    const stagesOf = (keepRatio: number) => [1, 3].map((afterLayer) => ({ afterLayer, keepRatio }));
    test.each(modes)('positions %s with keep ratio 1 are the original', async (positions) => {
      // Renumbering M-RoPE is another model even where nothing is dropped; windows are not kept.
      const isOriginal = positions === 'renumber' ? exported.positionRows === 1 : !isWindowed;
      if (!isOriginal) return;
      const all = createPlan({
        accumulateLayers: [1, 2, 3],
        stages: stagesOf(1),
        positions,
      });
      unpruned ??= run(exported, original);
      const { logits: expected } = await unpruned;
      const { logits } = await run(exported, pruneModel(original, all).model);
      expect(difference(logits, expected)).toBeLessThan(unprunedTolerance);
    });

    test('unless a plan chooses positions, ratio 1 at run time and a text are the original', async () => {
      const hard = createPlan({ accumulateLayers: [1, 2, 3], stages: stagesOf(0.25) });
      const { model } = pruneModel(original, hard, { runtimeRatios: true });
      const positions = exported.positionRows === 3 ? 'keep' : 'renumber';
      expect(readPlan(model)).toEqual({ ...hard, positions });
      unpruned ??= run(exported, original);
      const { logits: expected } = await unpruned;
      // The session feeds ratios of 1 where a call names none.
      const { logits: all } = await run(exported, model);
      expect(difference(all, expected)).toBeLessThan(unprunedTolerance);
      const fixed = pruneModel(original, hard).model;
      const texts = exportImageMask(truth).map(() => 0);
      const { logits: text } = await run(exported, fixed, texts);
      expect(difference(text, expected)).toBeLessThan(unprunedTolerance);
    });
  });
}
