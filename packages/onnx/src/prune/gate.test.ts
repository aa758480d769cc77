import { create } from '@bufbuild/protobuf';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { createEmitter } from '../graph/emitter.js';
import { printGraph } from '../graph/print.js';
import { sortNodes } from '../graph/sort.js';
import { tensorInfo } from '../graph/value-info.js';
import { encodeModel } from '../model/codec.js';
import { GraphProtoSchema, ModelProtoSchema, TensorProto_DataType } from '../proto/onnx_pb.js';
import { openGate, writeGates } from './gate.js';

const { BOOL, FLOAT } = TensorProto_DataType;

/** Two gates: the second reads what the first hands on; a third output is read by nobody. */
function gatedModel() {
  const emitter = createEmitter(['x', 'open'], 21, { prefix: 'around', reuses: true });
  const gate = (name: string) => openGate(emitter, 'open', emitter.branch(name));
  const [first, second] = [gate('first'), gate('second')];
  const doubled = first.emitter.emit('Add', ['x', 'x']);
  const kept = first.output(doubled, { passes: 'x' }, 'kept');
  const again = first.output(doubled, { unread: FLOAT, rank: 1 }, 'again');
  const traced = first.output(doubled, { made: (branch) => branch.float(0, [1]) }, 'traced');
  first.output(first.emitter.emit('Neg', ['x']), { passes: 'x' }, 'unused');
  const state = first.emitter.emit('Abs', ['x']);
  const handed = first.output(state, { unread: FLOAT, rank: 1 }, 'handed');
  const sum = second.emitter.emit('Add', [handed, again]);
  const result = second.output(sum, { passes: kept }, 'result');
  const read = [kept, traced, result];
  const nodes = sortNodes(writeGates(emitter, [first, second], read));
  return create(ModelProtoSchema, {
    irVersion: 10n,
    opsetImport: [{ domain: '', version: 21n }],
    graph: create(GraphProtoSchema, {
      name: 'gated',
      node: nodes,
      initializer: emitter.initializers,
      input: [tensorInfo('x', FLOAT, [1]), tensorInfo('open', BOOL, [1])],
      output: read.map((name) => tensorInfo(name, FLOAT)),
    }),
  });
}

test('what is read of a branch is given out once, with what stands for it otherwise', () => {
  expect(printGraph(gatedModel().graph!)).toMatchInlineSnapshot(`
    "input  x [1]
    input  open [1]
    kept, traced, handed = If(open)
      then_branch:
        first/Add = Add(x, x)
        traced/copy = Identity(first/Add)
        first/Abs = Abs(x)
        gives first/Add, traced/copy, first/Abs
      else_branch:
        kept/otherwise = Identity(x)
        gives kept/otherwise, constants/FLOAT[1]0, handed/otherwise
    result = If(open)
      then_branch:
        second/Add = Add(handed, kept)
        gives second/Add
      else_branch:
        result/otherwise = Identity(kept)
        gives result/otherwise
    output kept []
    output traced []
    output result []"
  `);
});

test.each([
  [true, { kept: -6, traced: -6, result: -3 }],
  [false, { kept: -3, traced: 0, result: -3 }],
])('open is %s', async (open, expected) => {
  const session = await InferenceSession.create(encodeModel(gatedModel()));
  const results = await session.run({
    x: new Tensor('float32', [-3]),
    open: new Tensor('bool', [open]),
  });
  const numbers = Object.entries(results).map(([name, { data }]) => [name, Number(data[0])]);
  expect(Object.fromEntries(numbers)).toEqual(expected);
});
