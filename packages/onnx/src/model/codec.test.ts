import { readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { TransPruneError } from '@transprune/core';
import { officialFile } from '@transprune/fixtures';
import { expect, test } from 'vitest';
import { GraphProtoSchema, type NodeProto, NodeProtoSchema } from '../proto/onnx_pb.js';
import { decodeModel, encodeModel, encodePieces, standardOpset } from './codec.js';
import { externalLocations, relocateExternalData } from './external-data.js';

const bytes = new Uint8Array(readFileSync(officialFile('group-query-attention/model.onnx')));

test('a model survives reading and writing', () => {
  const model = decodeModel(bytes);
  expect(encodeModel(decodeModel(encodeModel(model)))).toEqual(encodeModel(model));
  expect(encodeModel(model)).toHaveLength(bytes.length);
  expect(standardOpset(model)).toBe(21);
});

test('large weights are written as they lie in the file', () => {
  const file = new Uint8Array(readFileSync(officialFile('torchscript/model.onnx')));
  const model = decodeModel(file);
  const pieces = encodePieces(model);
  const large = pieces.filter(({ length }) => length >= 2 ** 14);
  const weights = model.graph!.initializer.filter(({ rawData }) => rawData.length >= 2 ** 14);
  expect(weights.length).toBeGreaterThan(0);
  expect(weights.every(({ rawData }) => large.includes(rawData))).toBe(true);
  expect(weights.every(({ rawData }) => rawData.buffer === file.buffer)).toBe(true);
  expect(Buffer.compare(encodeModel(decodeModel(encodeModel(model))), encodeModel(model))).toBe(0);
});

test.each([
  ['empty', new Uint8Array(0)],
  ['text', new TextEncoder().encode('{"not": "onnx"}')],
  ['an image', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)],
  ['cut off in the middle', bytes.slice(0, bytes.length / 2)],
  ['cut off at the end', bytes.slice(0, -1)],
])('%s is refused', (_, input) => {
  expect(() => decodeModel(input)).toThrow(/truncated or of another format/);
  expect(() => decodeModel(input)).toThrow(TransPruneError);
});

test('an old operator set is refused with the remedy', () => {
  const model = decodeModel(bytes);
  const old = { ...model, opsetImport: [{ ...model.opsetImport[0]!, version: 11n }] };
  expect(() => standardOpset(old)).toThrow(/13 or later, got 11; export the model again/);
});

test('external data is named and renamed, the original left as it was', () => {
  const model = decodeModel(bytes);
  expect(externalLocations(model)).toEqual(['model.onnx.data']);
  const moved = relocateExternalData(model, (location) => `weights/${location}`);
  expect(externalLocations(moved)).toEqual(['weights/model.onnx.data']);
  expect(externalLocations(model)).toEqual(['model.onnx.data']);
  const offsets = (m: typeof model) =>
    m.graph!.initializer.flatMap(({ externalData }) =>
      externalData.filter(({ key }) => key !== 'location').map(({ value }) => value),
    );
  expect(offsets(moved)).toEqual(offsets(model));
});

test('external data inside of branches and constants is named and renamed too', () => {
  const model = decodeModel(bytes);
  const { initializer, ...graph } = model.graph!;
  const holder = (attribute: object): NodeProto =>
    create(NodeProtoSchema, { opType: 'If', output: ['x'], attribute: [attribute] });
  const inner = create(GraphProtoSchema, { initializer });
  const nested = {
    ...model,
    graph: {
      ...graph,
      initializer: [],
      node: [holder({ g: inner }), holder({ t: initializer[0]! })],
    },
  };
  expect(externalLocations(nested)).toEqual(['model.onnx.data']);
  expect(externalLocations(relocateExternalData(nested, () => 'elsewhere'))).toEqual(['elsewhere']);
});
