import { clone } from '@bufbuild/protobuf';
import { createPlan } from '@transprune/core';
import { describe, expect, test } from 'vitest';
import { smallConfig } from '../../../testing/random-decoder.js';
import { buildDecoder } from '../../builder/decoder.js';
import { randomWeights } from '../../builder/weights.js';
import { windowOf } from '../../decoder/attention/mask.js';
import { readDecoder } from '../../decoder/read.js';
import { createEmitter, type Emitter } from '../../graph/emitter.js';
import { namesIn } from '../../graph/graph.js';
import { ModelProtoSchema } from '../../proto/onnx_pb.js';
import { pruneModel } from '../prune.js';

const even = { ...smallConfig, kvHeads: smallConfig.heads };
const decoder = buildDecoder(even, randomWeights(1), { attention: 'multi-head' });
const plan = createPlan({ accumulateLayers: [1], stages: [{ afterLayer: 2, keepRatio: 0.5 }] });
const [float, int64] = [1, 7];

/** A decoder with further nodes, and a value that goes through some of them. */
function changed(value: string, make: (emitter: Emitter) => string) {
  const model = clone(ModelProtoSchema, decoder);
  const graph = model.graph!;
  const emitter = createEmitter(namesIn(graph), 21, { prefix: 'added' });
  const made = make(emitter);
  for (const node of graph.node) {
    node.input = node.input.map((name) => (name === value ? made : name));
  }
  graph.node = [...graph.node, ...emitter.nodes];
  graph.initializer.push(...emitter.initializers);
  return model;
}

describe('positions that are not read as angles', () => {
  const { ffn, attention } = readDecoder(decoder).layers[3]!;
  const scale = ({ emit, cast, int64: whole, float: number }: Emitter) =>
    emit('Add', [
      emit('Mul', [emit('Unsqueeze', [cast('position_ids', float), whole([2])]), number(0.01)]),
      number(1),
    ]);
  const table = ({ float: numbers }: Emitter) =>
    numbers(
      Float32Array.from({ length: 128 * 24 }, (_, at) => Math.sin(at)),
      [128, 24],
    );
  const lookedUp = (copy: string, { emit }: Emitter) => emit('Gather', [copy, 'position_ids']);
  test.each<[string, string, string, (emitter: Emitter) => string]>([
    ['a stream scaled by position', ffn.output, 'Mul', scale],
    ['queries scaled by position', attention!.reading.queries.value, 'Mul', scale],
    [
      'a stream scaled by a condition on positions',
      ffn.output,
      'Mul',
      ({ emit, int64: whole, float: number }) => {
        const isEarly = emit('Less', [emit('Unsqueeze', ['position_ids', whole([2])]), whole([5])]);
        return emit('Where', [isEarly, number(1), number(2)]);
      },
    ],
    ['a table of positions', ffn.output, 'Add', (own) => lookedUp(table(own), own)],
    [
      'a copy of such a table',
      ffn.output,
      'Add',
      (own) => {
        const rows = own.emit('Shape', ['attention_mask'], { attributes: { start: 1, end: 2 } });
        const part = own.emit('Slice', [table(own), own.int64([0]), rows, own.int64([0])]);
        return lookedUp(part, own);
      },
    ],
  ])('%s is refused where positions are kept', (_, value, opType, made) => {
    const model = changed(value, (emitter) => emitter.emit(opType, [value, made(emitter)]));
    expect(() => pruneModel(model, { ...plan, positions: 'keep' })).toThrow(
      /after the prune after layer 2: expected positions to be read as angles only/,
    );
    expect(() => pruneModel(model, { ...plan, positions: 'renumber' })).not.toThrow();
  });
});

describe('a window spelled as a difference', () => {
  test.each([
    ['Less', 16, 'query less key', 16],
    ['LessOrEqual', 16, 'query less key', 17],
    ['GreaterOrEqual', 16, 'query less key', 16],
    ['Greater', -16, 'key less query', 16],
    ['Less', -16, 'key less query', 17],
    ['Less', 1, 'query less key', undefined],
    ['GreaterOrEqual', 0, 'query less key', undefined],
  ] as const)('%s %i of %s: %s', (comparison, limit, order, window) => {
    const model = changed('', ({ emit, int64: whole, cast }) => {
      const places = emit('CumSum', [cast('attention_mask', int64), whole([1], [])]);
      const [rows, columns] = [
        emit('Unsqueeze', [places, whole([2])]),
        emit('Unsqueeze', [places, whole([1])]),
      ];
      const apart = emit('Sub', order === 'query less key' ? [rows, columns] : [columns, rows]);
      return emit('Where', [
        emit(comparison, [cast(apart, int64), whole([limit], [])]),
        'attention_mask',
        'attention_mask',
      ]);
    });
    const { graph } = readDecoder(decoder);
    const added = model.graph!.node.find(({ opType }) => opType === comparison);
    expect(added).toBeDefined();
    const producer = new Map(
      model.graph!.node.flatMap((node) => node.output.map((name) => [name, node])),
    );
    const initializer = new Map(model.graph!.initializer.map((tensor) => [tensor.name, tensor]));
    const kindOf = (name: string) => (initializer.has(name) ? 'constant' : 'derived');
    const last = model.graph!.node.at(-1)!.output[0]!;
    expect(windowOf({ ...graph, producer, initializer, kindOf }, last)).toBe(window);
  });
});

test('angles of keys that are not split into heads are gathered along the tokens', () => {
  const apart = buildDecoder(even, randomWeights(1), { rotary: 'separate' });
  const keys = readDecoder(apart).layers[3]!.attention!.reading.keys.value;
  const model = clone(ModelProtoSchema, apart);
  const graph = model.graph!;
  const emitter = createEmitter(namesIn(graph), 21, { prefix: 'added' });
  const { emit, cast, int64: whole } = emitter;
  const angle = emit('Cos', [cast('position_ids', float)]);
  const turned = emit('Mul', [keys, emit('Unsqueeze', [angle, whole([2])])]);
  for (const node of graph.node) {
    node.input = node.input.map((name) => (name === keys ? turned : name));
  }
  graph.node = [...graph.node, ...emitter.nodes];
  graph.initializer.push(...emitter.initializers);
  // Of [batch, tokens, 1]: the tokens are the second axis from the end.
  const angles = readDecoder(model).layers[3]!.attention!.reading.angles;
  expect(angles.find(({ value }) => value.startsWith('added'))?.axis).toBe(-2);
});

describe('angles of a table that is copied for each row (GPT-J)', () => {
  const apart = buildDecoder(even, randomWeights(1), { rotary: 'separate' });
  const keys = readDecoder(apart).layers[3]!.attention!.reading.keys.value;
  test.each([
    ['tokens before heads', [], -3],
    ['heads before tokens', [0, 2, 1, 3], -2],
  ])('%s', (_, perm, axis) => {
    const model = clone(ModelProtoSchema, apart);
    const graph = model.graph!;
    const emitter = createEmitter(namesIn(graph), 21, { prefix: 'added' });
    const { emit, int64: whole, float: numbers } = emitter;
    const turned = (x: string) =>
      perm.length > 0 ? emit('Transpose', [x], { attributes: { perm } }) : x;
    const table = numbers(new Float32Array(128 * 16), [1, 128, 16]);
    const copies = emit('Tile', [table, whole([1, 1, 1])]);
    const places = emit('Expand', [
      emit('Unsqueeze', ['position_ids', whole([2])]),
      whole([1, 1, 16]),
    ]);
    const angle = emit('GatherElements', [copies, places], { attributes: { axis: 1 } });
    const own = emit('Unsqueeze', [angle, whole([perm.length > 0 ? 1 : 2])]);
    const heads = turned(emit('Reshape', [keys, whole([0, 0, -1, 16])]));
    // As pairs of features are put together again, after they were split into heads.
    const flat = emit('Reshape', [heads, whole([0, 0, 0, -1])]);
    const back = turned(emit('Mul', [flat, own]));
    const made = emit('Reshape', [back, whole([0, 0, -1])]);
    for (const node of graph.node) {
      node.input = node.input.map((name) => (name === keys ? made : name));
    }
    graph.node = [...graph.node, ...emitter.nodes];
    graph.initializer.push(...emitter.initializers);
    const { angles } = readDecoder(model).layers[3]!.attention!.reading;
    expect(angles.find(({ value }) => value === own)?.axis).toBe(axis);
  });
});
