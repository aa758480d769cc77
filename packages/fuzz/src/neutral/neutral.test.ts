import { createHash } from 'node:crypto';
import { clone } from '@bufbuild/protobuf';
import { createPlan } from '@transprune/core';
import { encodeModel, pruneModel } from '@transprune/onnx';
import { type GraphProto, ModelProtoSchema } from '@transprune/onnx/proto';
import { expect, test } from 'vitest';
import { type Base, baseCount, baseName } from '../bases.js';
import { difference } from '../compare.js';
import { playCut } from '../cut.js';
import { judgeKept, neutralMutantOf } from '../kept.js';
import { withImage } from '../prompt.js';
import { randomOf } from '../random.js';
import { knownBase } from '../seed.js';
import {
  permuteFeatures,
  reverseHeads,
  scaleBehindMask,
  shiftKeys,
  shiftLogits,
} from './attention.js';
import { noOp, swapOperands } from './no-ops.js';
import { rescale, rescalePair, rescaleWeight, splitWeight } from './scales.js';
import { modulesOf, type NeutralChange } from './scene.js';

/** The layer before the prune, from 1. */
const afterLayer = 3;

async function changed(file: string, change: NeutralChange, seed: number) {
  const index = Array.from({ length: baseCount }, (_, at) => baseName(at)).findIndex((name) =>
    name.endsWith(file),
  );
  const known = await knownBase(index);
  const { base } = known;
  const model = clone(ModelProtoSchema, base.model);
  const { inner, joins } = modulesOf(base);
  let names = 0;
  const said = change({
    ...known,
    graph: model.graph as GraphProto,
    random: randomOf(seed),
    cuts: new Set(base.streams),
    inner: new Set(inner[afterLayer]),
    joins,
    fresh: () => `neutral ${names++}`,
  });
  return { base, model, said };
}

const answersOf = (model: Base['model'], { externalData }: Base) =>
  playCut(model, withImage, {
    weights: externalData,
    cuts: [],
    kept: [],
    positions: 'renumber',
    nudge: 0,
  });

test.each<[string, string, NeutralChange]>([
  ['noOp', 'llama/torchscript-17.onnx', noOp],
  ['swapOperands', 'llama/torchscript-17.onnx', swapOperands],
  ['rescale', 'llama/dynamo-18.onnx', rescale],
  ['rescale', 'built with {"rotary":"separate"}', rescale],
  ['rescalePair', 'llama/dynamo-23.onnx', rescalePair],
  ['rescalePair', 'built with {"projections":"split","norms":"separate"}', rescalePair],
  ['rescaleWeight', 'llama/torchscript-17.onnx', rescaleWeight],
  ['splitWeight', 'llama/torchscript-17.onnx', splitWeight],
  ['permuteFeatures', 'llama/dynamo-23.onnx', permuteFeatures],
  ['shiftKeys', 'llama/torchscript-17.onnx', shiftKeys],
  ['shiftLogits', 'llama/dynamo-18.onnx', shiftLogits],
  ['reverseHeads', 'llama/torchscript-17.onnx', reverseHeads],
  ['scaleBehindMask', 'llama/torchscript-17.onnx', scaleBehindMask],
])('%s of %s changes no answer', async (_, file, change) => {
  const { base, model, said } = await changed(file, change, 5);
  expect(said).toBeDefined();
  expect(encodeModel(model)).not.toEqual(encodeModel(base.model));
  const truth = await answersOf(base.model, base);
  const none = () => Promise.resolve(truth);
  expect(await difference(await answersOf(model, base), truth, none)).toBeUndefined();
});

test('a seed makes the same model and plan each time, another seed another', async () => {
  const made = async (seed: number) => {
    const { model, plan, changes } = await neutralMutantOf(seed);
    expect(changes.length).toBeGreaterThan(0);
    return { plan, hash: createHash('sha256').update(encodeModel(model)).digest('hex') };
  };
  const [first, again, other] = [await made(3), await made(3), await made(83)];
  expect(again).toEqual(first);
  expect(other.hash).not.toBe(first.hash);
});

const plan = {
  ...createPlan({ stages: [{ afterLayer, keepRatio: 0.5 }], accumulateLayers: [afterLayer] }),
  positions: 'renumber' as const,
};

test('scores that are made of something else are found', async () => {
  const { base, model } = await changed('llama/dynamo-18.onnx', swapOperands, 1);
  const mutant = { base, model, changes: [], plan };
  expect(await judgeKept(mutant)).toEqual(['right', '']);
  /** As if the surgery had measured the modules of another layer. */
  const prune: typeof pruneModel = (own, asked, options) =>
    pruneModel(own, { ...asked, accumulateLayers: [afterLayer - 1] }, options);
  const [verdict, reason] = await judgeKept(mutant, { prune });
  expect(verdict).toBe('wrong');
  expect(reason).toMatch(/^scores of stage 0/);
});
