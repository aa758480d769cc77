import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ModelProtoSchema, TensorProtoSchema } from '../proto/onnx_pb.js';
import { decodeModel, encodeModel } from './codec.js';
import {
  externalExtents,
  externalLocations,
  externalTensor,
  relocateExternalData,
  withWeightsIn,
} from './external-data.js';

const tensor = (location: string, offset = 0, length = 4) =>
  externalTensor(location, 1, [1], { location, offset, length });

/** Every place of the format that may hold a tensor, each with a file of its own. */
const model = create(ModelProtoSchema, {
  graph: {
    initializer: [tensor('initializer', 0, 8), tensor('initializer', 100, 24)],
    sparseInitializer: [{ values: tensor('sparse values'), indices: tensor('sparse indices') }],
    node: [
      {
        attribute: [
          { t: tensor('constant') },
          { tensors: [tensor('list')] },
          { sparseTensor: { values: tensor('sparse constant') } },
          { sparseTensors: [{ values: tensor('sparse list') }] },
          { g: { node: [{ attribute: [{ g: { initializer: [tensor('branch')] } }] }] } },
          { graphs: [{ initializer: [tensor('branches')] }] },
        ],
      },
    ],
  },
  functions: [
    {
      node: [{ attribute: [{ t: tensor('function') }] }],
      attributeProto: [{ t: tensor('default') }],
    },
  ],
  trainingInfo: [
    {
      initialization: { initializer: [tensor('training')] },
      algorithm: { initializer: [tensor('algorithm')] },
    },
  ],
});

const everywhere = [
  ...['algorithm', 'branch', 'branches', 'constant', 'default', 'function', 'initializer', 'list'],
  ...['sparse constant', 'sparse indices', 'sparse list', 'sparse values', 'training'],
];

test('files are found wherever a model may refer to them', () => {
  expect(externalLocations(model).sort()).toEqual(everywhere);
});

test('the furthest byte of a file is known', () => {
  expect(externalExtents(model).get('initializer')).toBe(124);
  const { $typeName, ...half } = externalTensor('half', 10, [3, 5], {
    ...{ location: 'half', offset: 64, length: 30 },
  });
  // Without a length, as the format allows.
  const externalData = half.externalData.filter(({ key }) => key !== 'length');
  const other = create(ModelProtoSchema, { graph: { initializer: [{ ...half, externalData }] } });
  expect(externalExtents(other).get('half')).toBe(64 + 30);
});

test('all are named anew, and the model that came in stays', () => {
  const moved = relocateExternalData(model, (location) => `there/${location}`);
  expect(externalLocations(moved).sort()).toEqual(everywhere.map((name) => `there/${name}`));
  expect(externalLocations(model).sort()).toEqual(everywhere);
});

test('large weights stay in the bytes that a model came from, and all others in the model', () => {
  const inside = (name: string, length: number) => ({
    ...{ name, dataType: 2, dims: [BigInt(length)] },
    rawData: new Uint8Array(length).fill(length % 251),
  });
  const whole = create(ModelProtoSchema, {
    opsetImport: [{ version: 17n }],
    graph: { node: [{ opType: 'Add' }], initializer: [inside('small', 100), inside('large', 2e4)] },
  });
  // Bytes that do not begin where their buffer does.
  const source = Buffer.concat([Buffer.alloc(7), encodeModel(whole)]).subarray(7);
  const decoded = decodeModel(source);
  decoded.graph?.initializer.push(create(TensorProtoSchema, inside('own', 3e4)));
  const { graph } = withWeightsIn(decoded, source, 'weights');
  const [small, large, own] = graph?.initializer ?? [];
  expect(small?.rawData).toHaveLength(100);
  expect(own?.rawData).toHaveLength(30_000);
  expect(large).toMatchObject({ name: 'large', dataType: 2, dims: [20_000n] });
  expect(large?.rawData).toHaveLength(0);
  const place = Object.fromEntries(large?.externalData.map(({ key, value }) => [key, value]) ?? []);
  expect(place).toMatchObject({ location: 'weights', length: '20000' });
  const offset = Number(place.offset);
  expect(source.subarray(offset, offset + 20_000)).toEqual(Buffer.alloc(20_000, 20_000 % 251));
});
