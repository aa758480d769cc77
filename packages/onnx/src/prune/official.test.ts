import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clone, create } from '@bufbuild/protobuf';
import { createPlan } from '@transprune/core';
import {
  maxDifference,
  type OfficialCaseName,
  officialCase,
  officialEmbeddings,
  officialFile,
  officialImageMask,
  officialPlan,
} from '@transprune/fixtures';
import { openDecoder } from '@transprune/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { readDecoder } from '../decoder/read.js';
import { createEmitter } from '../graph/emitter.js';
import { tensorInfo } from '../graph/value-info.js';
import { decodeModel, encodeModel, type OnnxModel } from '../model/codec.js';
import { ModelProtoSchema, TensorProto_DataType, ValueInfoProtoSchema } from '../proto/onnx_pb.js';
import { pruneModel } from './prune.js';

const families = {
  'group-query-attention': 'group-query-attention',
  torchscript: 'spelled-out',
  'dynamo-opset18': 'spelled-out',
};
const sizes = { layers: 14, kvHeads: 4, headDim: 16 };
const vocabulary = 128;
const hidden = 64;
const embeddings = officialEmbeddings();

const lastRow = (logits: Float32Array) => logits.slice(-vocabulary);

/**
 * The model with both terms of each score as outputs, `pruning.term.{stage}.{0,1}`: the traced score is
 * the masked sum of the two.
 */
function withTerms(model: OnnxModel, stages: number): OnnxModel {
  const copy = clone(ModelProtoSchema, model);
  const graph = copy.graph!;
  for (let stage = 0; stage < stages; stage++) {
    const gate = graph.node.find(({ output }) => output.includes(`pruning.score.${stage}`))!;
    const at = gate.output.indexOf(`pruning.score.${stage}`);
    const branch = (name: string) => gate.attribute.find((known) => known.name === name)!.g!;
    const [scored, empty] = [branch('then_branch'), branch('else_branch')];
    const producer = (name: string) => scored.node.find(({ output }) => output.includes(name))!;
    const masked = producer(scored.output[at]!.name);
    producer(masked.input[0]!).input.forEach((term, i) => {
      const name = `pruning.term.${stage}.${i}`;
      const emitter = createEmitter([], 21, { prefix: name });
      const nothing = emitter.emit('Identity', [empty.output[at]!.name]);
      empty.node.push(...emitter.nodes);
      scored.output.push(create(ValueInfoProtoSchema, { name: term }));
      empty.output.push(create(ValueInfoProtoSchema, { name: nothing }));
      gate.output.push(name);
      graph.output.push(tensorInfo(name, TensorProto_DataType.FLOAT));
    });
  }
  return copy;
}

describe.each(Object.entries(families))('exported as %s', (family, attentionFamily) => {
  const original = decodeModel(readFileSync(officialFile(`${family}/model.onnx`)));
  const folder = mkdtempSync(join(tmpdir(), 'transprune-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  // Weights have to lie in the model's folder.
  const weights = officialFile(`${family}/model.onnx.data`);
  if (existsSync(weights)) copyFileSync(weights, join(folder, 'model.onnx.data'));
  let files = 0;
  const open = (model: OnnxModel) => {
    const path = join(folder, `${files++}.onnx`);
    writeFileSync(path, encodeModel(model));
    return openDecoder(path, sizes);
  };

  test('the structure is read', () => {
    expect(readDecoder(original)).toMatchObject({
      attentionFamily,
      hiddenSize: 64,
      intermediateSize: 172,
      vocabularySize: 128,
      attention: { heads: 4, kvHeads: 4, headDim: 16, scale: 0.25 },
    });
    expect(readDecoder(original).layers).toHaveLength(14);
  });

  describe.each<OfficialCaseName>(['high', 'low', 'late-image'])('official case %s', (name) => {
    const official = officialCase(name);
    const imageMask = officialImageMask(official);
    const plan = createPlan(officialPlan(official));

    test('both terms, scores, kept tokens, logits, decoding steps and cache lengths', async () => {
      const { model } = pruneModel(original, plan, { trace: true });
      const decoder = await open(withTerms(model, official.stages.length));
      let step = await decoder.step(official.inputsEmbeds, imageMask);
      let before = imageMask.map((_, i) => i);
      official.stages.forEach((stage, index) => {
        const score = step.extra[`pruning.score.${index}`]!;
        expect(score).toHaveLength(stage.tokensBefore);
        const isImage = (i: number) => imageMask[before[i]!] === 1;
        const term = (i: number) =>
          step.extra[`pruning.term.${index}.${i}`]!.filter((_, at) => isImage(at));
        expect(maxDifference(term(0), stage.ttvNormalized)).toBeLessThan(1e-5);
        expect(maxDifference(term(1), stage.igaNormalized)).toBeLessThan(1e-5);
        expect(
          maxDifference(
            score.filter((_, i) => isImage(i)),
            stage.score,
          ),
        ).toBeLessThan(1e-5);
        expect(score.filter((s, i) => !isImage(i) && s !== 0)).toEqual([]);
        const kept = step.extra[`pruning.kept.${index}`]!;
        expect(kept.filter((i) => imageMask[i] === 1)).toEqual(stage.keptImageOriginal);
        expect(kept).toEqual([...kept].sort((a, b) => a - b));
        before = kept;
      });
      expect(step.logitsShape).toEqual([1, official.prefillKeptLength, vocabulary]);
      expect(maxDifference(lastRow(step.logits), official.prefillLastLogits)).toBeLessThan(1e-4);
      for (const { token, logits } of official.decode) {
        step = await decoder.step(embeddings.slice(token * hidden, (token + 1) * hidden));
        expect(maxDifference(step.logits, logits)).toBeLessThan(1e-4);
      }
      expect(step.cacheLengths).toEqual(official.kvLengths);
    });

    test('keep ratio 1 and a prompt without image give the unpruned logits', async () => {
      const unpruned = await (await open(original)).step(official.inputsEmbeds);
      expect(maxDifference(lastRow(unpruned.logits), official.unprunedLastLogits)).toBeLessThan(
        1e-4,
      );
      const all = { ...plan, stages: plan.stages.map((stage) => ({ ...stage, keepRatio: 1 })) };
      const kept = await (await open(pruneModel(original, all).model)).step(
        official.inputsEmbeds,
        imageMask,
      );
      expect(maxDifference(kept.logits, unpruned.logits)).toBeLessThan(1e-4);
      const text = await (await open(pruneModel(original, plan).model)).step(official.inputsEmbeds);
      expect(maxDifference(text.logits, unpruned.logits)).toBeLessThan(1e-4);
    });
  });
});
