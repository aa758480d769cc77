import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { presetPlan } from '@transprune/core';
import { graphNames } from '@transprune/files';
import { modelFolder, readModelFile } from '@transprune/files/node';
import { hubFolder } from '@transprune/fixtures';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { type OnnxModel, pruneModel, readPlan, TensorProto_DataType } from '@transprune/onnx';
import { modelDirectory } from '@transprune/small-model';
import { loadImage } from '@transprune/vlm';
import { expect, test } from 'vitest';
import { exportedSession, readGolden, runGolden } from '../../testing/golden.js';
import { type Message, parsePbtxt } from '../../testing/pbtxt.js';
import { samplePath } from '../../testing/server.js';
import { exportTriton, type TritonExport } from './triton.js';

/** A model pruned after layer 2, or as the embedded model is served. */
async function exported(folder: string, changes: Partial<TritonExport> & { output?: string } = {}) {
  const { output = join(await temporaryFolder(), 'exported'), ...rest } = changes;
  const files = await modelFolder(folder);
  const source = await files.graph('decoder_model_merged');
  const original = await readModelFile('path' in source ? source.path : '');
  const { plan: preset } = presetPlan('transprune-high', 12);
  const stages = [{ afterLayer: 2, keepRatio: 0.5 }];
  const plan = folder === modelDirectory ? preset : { ...preset, accumulateLayers: [2], stages };
  const written = await exportTriton(output, {
    files,
    decoder: pruneModel(original, plan).model,
    question: 'what color is the heart?',
    image: await loadImage(samplePath('scene-1.png')),
    maxNewTokens: 3,
    signal: new AbortController().signal,
    ...rest,
  });
  return { output, plan, ...written };
}

const models = {
  embedded: modelDirectory,
  gemma4: hubFolder('gemma4'),
  qwen2_5_vl: hubFolder('qwen2_5_vl'),
};
const configOf = async (output: string, model: string) =>
  parsePbtxt(await readFile(join(output, 'models', model, 'config.pbtxt'), 'utf8'));

test.each(Object.entries(models))(
  '%s: each config.pbtxt is what its graph is',
  async (name, folder) => {
    const { output } = await exported(folder);
    expect((await readdir(join(output, 'models'))).sort()).toEqual([...graphNames].sort());
    for (const model of graphNames) {
      const config = await configOf(output, model);
      expect(config).toMatchObject({ name: model, backend: 'onnxruntime', max_batch_size: 0 });
      expect(config.default_model_filename).toBe('model.onnx');
      const session = await exportedSession(output, model);
      const { graph } = await readModelFile(join(output, 'models', model, '1', 'model.onnx'));
      const weights = new Set(graph?.initializer.map(({ name }) => name));
      const given = {
        input: graph?.input.filter(({ name }) => !weights.has(name)),
        output: graph?.output,
      };
      for (const field of ['input', 'output'] as const) {
        const configured = config[field] as readonly Message[];
        const scalars = configured.filter(({ reshape }) => reshape !== undefined);
        const isKept = name === 'gemma4' && model === 'decoder_model_merged' && field === 'input';
        expect(scalars.map((each) => each.name)).toEqual(isKept ? ['num_logits_to_keep'] : []);
        expect(configured.map(shownConfig)).toEqual(session[`${field}s`].map(shownPort));
        // By the file itself, which ONNX Runtime may have added sizes to.
        expect(configured.map(({ name, data_type }) => [name, data_type])).toEqual(
          given[field]?.map(declared),
        );
      }
    }
  },
);

/** A model of no dimension takes one number from Triton's clients. */
function shownConfig({ name, data_type, dims, reshape }: Message) {
  if (reshape !== undefined)
    expect({ dims, reshape }).toEqual({ dims: [1], reshape: { shape: [] } });
  return [name, data_type, reshape === undefined ? dims : []];
}

const types = {
  float32: 'TYPE_FP32',
  float16: 'TYPE_FP16',
  int64: 'TYPE_INT64',
  int32: 'TYPE_INT32',
  bool: 'TYPE_BOOL',
};
const shownPort = ({
  name,
  type,
  shape,
}: {
  name: string;
  type: keyof typeof types;
  shape: readonly (number | string)[];
}) => [name, types[type], shape.map((size) => (typeof size === 'number' ? size : -1))];

const typesOfFiles: Readonly<Record<number, string>> = {
  [TensorProto_DataType.FLOAT]: 'TYPE_FP32',
  [TensorProto_DataType.FLOAT16]: 'TYPE_FP16',
  [TensorProto_DataType.INT64]: 'TYPE_INT64',
  [TensorProto_DataType.BOOL]: 'TYPE_BOOL',
};

/** By a graph's own declaration. */
function declared({ name, type }: NonNullable<OnnxModel['graph']>['input'][number]) {
  const elements = type?.value.case === 'tensorType' ? type.value.value.elemType : 0;
  return [name, typesOfFiles[elements]];
}

test.each(Object.entries(models))(
  '%s: the recorded run can be run again from its files',
  async (name, folder) => {
    const { output, golden, plan } = await exported(folder);
    const { tokens, text, runs } = readGolden(output);
    expect({ tokens, text }).toEqual({ tokens: golden.tokenIds, text: golden.text });
    expect(await runGolden(output)).toEqual({ different: [], tokens });
    expect(runs.map(({ model }) => model)).toEqual([
      'vision_encoder',
      'embed_tokens',
      ...tokens.map(() => 'decoder_model_merged'),
    ]);
    if (name === 'embedded') {
      expect(text).toBe('purple');
      expect(runs[2]?.caches).toMatchObject({
        'present.0.key': [1, 4, 153, 32],
        'present.11.key': [1, 4, 27, 32],
      });
    }
    expect(
      readPlan(await readModelFile(join(output, 'models/decoder_model_merged/1/model.onnx'))),
    ).toMatchObject({
      stages: plan.stages,
    });
  },
);

test('a folder with something in it stays as it is', async () => {
  const output = await temporaryFolder();
  await writeFile(join(output, 'mine.txt'), 'mine');
  await expect(exported(modelDirectory, { output })).rejects.toMatchObject({
    code: 'WRITE_FAILED',
    message: expect.stringContaining('a folder that holds mine.txt'),
  });
  expect(await readdir(output)).toEqual(['mine.txt']);
});

test('an empty folder is filled', async () => {
  const output = await temporaryFolder();
  await exported(modelDirectory, { output, extra: { 'note.txt': 'beside' } });
  expect((await readdir(output)).sort()).toEqual(['golden', 'models', 'note.txt']);
});

test('a file in the place of the folder is told in words, and stays', async () => {
  const parent = await temporaryFolder();
  const file = join(parent, 'file');
  await writeFile(file, 'mine');
  for (const output of [file, join(file, 'exported')]) {
    await expect(exported(modelDirectory, { output })).rejects.toMatchObject({
      code: 'WRITE_FAILED',
      message: `expected to write ${output}, got ${file}, which is no folder; name another folder`,
    });
  }
  expect(await readdir(parent)).toEqual(['file']);
});

test('a place that is not there is named', async () => {
  const output = join(await temporaryFolder(), 'missing', 'exported');
  await expect(exported(modelDirectory, { output })).rejects.toMatchObject({
    code: 'WRITE_FAILED',
    message: `expected to write ${output}, got no such file or folder; name a new folder in one that is there`,
  });
});

test('what fails halfway leaves nothing', async () => {
  const parent = await temporaryFolder();
  const output = join(parent, 'exported');
  const stopped = new AbortController();
  stopped.abort(new Error('stopped'));
  await expect(exported(modelDirectory, { output, signal: stopped.signal })).rejects.toThrow(
    'stopped',
  );
  const image = { data: new Uint8Array(3), width: 0, height: 0, channels: 3 } as const;
  await expect(exported(modelDirectory, { output, image })).rejects.toMatchObject({
    code: 'INVALID_IMAGE',
  });
  expect(await readdir(parent)).toEqual([]);
});
