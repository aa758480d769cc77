import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arrayAlgebra } from '../algebra/arrays.js';
import { ndarray, take } from '../algebra/ndarray.js';
import { blockedLogit } from './instruction-attention.js';
import { uniformNoise } from './noise.js';
import { directions, layerTransition, tokenTransition } from './transition.js';

// Two tokens: the first keeps its direction and doubles, the second turns around and halves.
const input = ndarray([3, 4, 0, 2], [1, 2, 2]);
const output = ndarray([6, 8, 0, -1], [1, 2, 2]);
const e = Math.E;

test.each([
  ['cos', [(2 * e) / (e + 1 / e), (0.5 * (1 / e)) / (e + 1 / e)]],
  ['|cos|', [1, 0.25]],
  ['1-cos', [2 / (1 + e ** 2), (0.5 * e ** 2) / (1 + e ** 2)]],
  ['1-|cos|', [1, 0.25]],
] as const)('magnitude times softmax of %s', (direction, expected) => {
  const value = tokenTransition(arrayAlgebra, { input, output }, { direction });
  expect(value).toBeAllclose(ndarray(expected, [1, 2]), { atol: 5e-8 });
});

test('the factors of the score, each alone', () => {
  const value = (transitionParts: 'both' | 'magnitude' | 'direction') =>
    tokenTransition(arrayAlgebra, { input, output }, { direction: '1-cos', transitionParts });
  const [both, magnitude, direction] = [value('both'), value('magnitude'), value('direction')];
  expect(magnitude.data).toBeAllclose([2, 0.5], { atol: 5e-8 });
  expect(direction.data).toBeAllclose([1 / (1 + e ** 2), e ** 2 / (1 + e ** 2)], { atol: 5e-8 });
  expect(both).toEqual(arrayAlgebra.multiply(magnitude, direction));
});

test("a layer's transition is the sum over its modules", () => {
  const module = { input, output };
  const one = tokenTransition(arrayAlgebra, module, { direction: '1-cos' });
  const two = layerTransition(arrayAlgebra, [module, module], { direction: '1-cos' });
  expect(two.data).toBeAllclose(
    one.data.map((value) => 2 * value),
    { atol: 5e-13 },
  );
});

test('a module that writes nothing leaves no trace in the value of any token', () => {
  const silent = { input, output: ndarray([0, 0, 0, 0], [1, 2, 2]) };
  expect([...tokenTransition(arrayAlgebra, silent, { direction: '1-cos' }).data]).toEqual([0, 0]);
  const both = layerTransition(arrayAlgebra, [{ input, output }, silent], { direction: '1-cos' });
  expect(both).toEqual(tokenTransition(arrayAlgebra, { input, output }, { direction: '1-cos' }));
});

test('a token that is zero counts as 0', () => {
  const half = ndarray([3, 4, 0, 0], [1, 2, 2]);
  const mixed = tokenTransition(arrayAlgebra, { input: half, output: half }, { direction: 'cos' });
  expect(mixed.data).toBeAllclose([e / (e + 1), 0], { atol: 5e-8 });
  expect(mixed.data[1]).toBe(0);
});

test('padding that is biased away leaves the others as if it were not there', () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }).filter((real) => real.includes(true)),
      fc.constantFrom(...directions),
      fc.nat(),
      (real, direction, seed) => {
        const tokens = real.length;
        const [read, written] = [seed, seed + 1].map((s) =>
          ndarray(
            uniformNoise(s, tokens * 3).map((u) => u - 0.5),
            [1, tokens, 3],
          ),
        );
        const module = { input: read!, output: written! };
        const bias = ndarray(
          real.map((isReal) => (isReal ? 0 : blockedLogit)),
          [1, tokens],
        );
        const rows = [...real.keys()].filter((i) => real[i]);
        const padded = layerTransition(arrayAlgebra, [module, module], { direction }, bias);
        const alone = { input: take(read!, 1, rows), output: take(written!, 1, rows) };
        const expected = layerTransition(arrayAlgebra, [alone, alone], { direction });
        expect(take(padded, 1, rows)).toEqual(expected);
        real.forEach((isReal, i) => {
          if (!isReal) expect(padded.data[i]).toBe(0);
        });
      },
    ),
  );
});
