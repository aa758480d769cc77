import { expect, test } from 'vitest';
import { createEmitter } from './emitter.js';
import { printNode } from './print.js';
import { sortNodes } from './sort.js';
import { upstreamNodes } from './walk.js';

test('emitted names are fresh, constants are shared, nodes print the same each time', () => {
  const emitter = createEmitter(['pass/Add', 'x'], 21, { prefix: 'pass' });
  const sum = emitter.emit('Add', ['x', emitter.float(2)]);
  emitter.emit('Mul', [sum, emitter.float(2)], { attributes: { axis: 1 } });
  emitter.emit('TopK', [sum, emitter.int64([3])], {
    domain: 'com.example',
    attributes: { axes: [0, 1], mode: 'linear', epsilon: { float: 0.5 } },
    outputs: ['values', 'indices'],
  });
  expect(emitter.initializers).toHaveLength(2);
  expect(emitter.nodes.map(printNode).join('\n')).toMatchInlineSnapshot(`
    "pass/Add_1 = Add(x, constants/FLOAT[]2)
    pass/Mul = Mul(pass/Add_1, constants/FLOAT[]2) { axis=1 }
    values, indices = com.example.TopK(pass/Add_1, constants/INT64[1]3) { axes=[0,1], mode=linear, epsilon=0.5 }"
  `);
});

test('an output that is left out leads nowhere', () => {
  const emitter = createEmitter([], 21);
  emitter.emit('SkipSimplifiedLayerNormalization', ['a', 'b', 'w'], {
    outputs: ['x', '', '', 'y'],
  });
  emitter.emit('MultiHeadAttention', ['q', 'k', 'v', '', 'bias'], { outputs: ['z'] });
  expect(upstreamNodes(emitter.nodes, ['z']).map(({ output }) => output[0])).toEqual(['z']);
});

test('sorting puts nodes after what they read and moves nothing else', () => {
  const emitter = createEmitter([], 21);
  for (const [input, output] of [
    ['b', 'c'],
    ['a', 'b'],
    ['x', 'y'],
  ]) {
    emitter.emit('Identity', [input!], { outputs: [output!] });
  }
  expect(sortNodes(emitter.nodes).map(({ output }) => output[0])).toEqual(['b', 'c', 'y']);
});

test('a cycle is refused', () => {
  const emitter = createEmitter([], 21);
  emitter.emit('Identity', ['a'], { outputs: ['b'] });
  emitter.emit('Identity', ['b'], { outputs: ['a'] });
  expect(() => sortNodes(emitter.nodes)).toThrow(/cycle/);
});

test('a chain deeper than the call stack is sorted', () => {
  const emitter = createEmitter([], 21);
  const depth = 50_000;
  for (let i = depth; i > 0; i--) emitter.emit('Identity', [`v${i - 1}`], { outputs: [`v${i}`] });
  expect(sortNodes(emitter.nodes)[0]?.output).toEqual(['v1']);
});
