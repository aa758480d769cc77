import {
  arrayAlgebra,
  attentionLogits,
  directions,
  elementCount,
  instructionAttention,
  layerTransition,
  methodByName,
  methodNames,
  type NDArray,
  rotate,
  type SignalName,
  signalNames,
  splitHeads,
  type TensorAlgebra,
} from '@transprune/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costAlgebra, inMultiplyAdds, type Shape } from './cost.js';

const zeros = (shape: Shape): NDArray => ({ shape, data: new Float64Array(elementCount(shape)) });
const size = fc.integer({ min: 1, max: 4 });

/** Evaluates one formula on arrays and on shapes, and answers both shapes. */
function bothShapes(formula: <T>(algebra: TensorAlgebra<T>, tensor: (shape: Shape) => T) => T) {
  return [formula(arrayAlgebra, zeros).shape, formula(costAlgebra().algebra, (shape) => shape)];
}

describe('shapes are those of the arrays', () => {
  it('in the token transition', () => {
    fc.assert(
      fc.property(size, size, fc.constantFrom(...directions), (tokens, hidden, direction) => {
        const [arrays, shapes] = bothShapes((algebra, tensor) => {
          const stream = tensor([1, tokens, hidden]);
          return layerTransition(algebra, [{ input: stream, output: stream }], { direction });
        });
        expect(shapes).toEqual(arrays);
        expect(shapes).toEqual([1, tokens]);
      }),
    );
  });

  it('in the instruction attention, with grouped heads', () => {
    fc.assert(
      fc.property(size, size, size, size, size, (rows, more, kvHeads, group, half) => {
        const tokens = rows + more;
        const headDim = 2 * half;
        const heads = kvHeads * group;
        const [arrays, shapes] = bothShapes((algebra, tensor) => {
          const rotated = (length: number, count: number) => {
            const projected = tensor([1, length, count * headDim]);
            const table = { cos: tensor([length, half]), sin: tensor([length, half]) };
            return rotate(algebra, splitHeads(algebra, projected, count, headDim), table, headDim);
          };
          const logits = attentionLogits(algebra, rotated(rows, heads), rotated(tokens, kvHeads), {
            heads,
            kvHeads,
            headDim,
            scale: 1,
            softcap: 30,
          });
          const bias = tensor([rows, tokens]);
          return instructionAttention(algebra, {
            logits,
            bias,
            rowWeights: tensor([1, 1, rows, 1]),
          });
        });
        expect(shapes).toEqual(arrays);
        expect(shapes).toEqual([1, tokens]);
      }),
    );
  });

  it.each(methodNames)('in the score of %s', (name) => {
    const [arrays, shapes] = bothShapes((algebra, tensor) => {
      const row = tensor([1, 5]);
      const signals = Object.fromEntries(signalNames.map((signal) => [signal, row]));
      return methodByName(name).score(algebra, signals as Record<SignalName, typeof row>, row);
    });
    expect(shapes).toEqual(arrays);
  });

  it('in reductions, broadcasts and moves', () => {
    const [arrays, shapes] = bothShapes((algebra, tensor) => {
      const x = tensor([2, 3, 4]);
      const centred = algebra.subtract(x, algebra.mean(x, [0, -1], true));
      const joined = algebra.concat([centred, algebra.negate(algebra.abs(x))], -2);
      const cut = algebra.slice(joined, 1, 1, 99);
      const moved = algebra.transpose(cut, [2, 0, 1]);
      return algebra.matmul(moved, algebra.reshape(tensor([5, 2]), [0, -1]));
    });
    expect(shapes).toEqual(arrays);
    expect(shapes).toEqual([4, 2, 2]);
  });
});

describe('operations, counted by hand', () => {
  const counted = (formula: (algebra: TensorAlgebra<Shape>) => unknown) => {
    const { algebra, count } = costAlgebra();
    formula(algebra);
    return count();
  };

  it('matmul: result elements times inner size, broadcast batches too', () => {
    expect(counted((a) => a.matmul([2, 3, 5], [1, 5, 7]))).toEqual({
      multiplyAdds: 2 * 3 * 7 * 5,
      elementwise: 0,
    });
  });

  it('elementwise: once per element of the broadcast result', () => {
    expect(counted((a) => a.add([2, 1], [1, 3])).elementwise).toBe(6);
    expect(counted((a) => a.multiply([4, 3], a.constant(2))).elementwise).toBe(12);
    expect(counted((a) => a.abs(a.negate([4]))).elementwise).toBe(8);
    expect(counted((a) => a.tanh([2, 3])).elementwise).toBe(6);
  });

  it('reductions and softmax', () => {
    expect(counted((a) => a.sum([3, 4], [-1])).elementwise).toBe(12);
    expect(counted((a) => a.mean([3, 4], [-1])).elementwise).toBe(12 + 3);
    expect(counted((a) => a.l2norm([3, 4], [-1])).elementwise).toBe(2 * 12 + 3);
    expect(counted((a) => a.softmax([3, 4], -1)).elementwise).toBe(5 * 12);
  });

  it('moves nothing that counts', () => {
    const moves = counted((a) =>
      a.concat([a.slice(a.transpose(a.reshape([2, 6], [3, 4]), [1, 0]), 0, 0, 2), [1, 3]], 0),
    );
    expect(moves).toEqual({ multiplyAdds: 0, elementwise: 0 });
  });

  it('token transition of one module: 2 tokens, hidden size 3', () => {
    const stream: Shape = [1, 2, 3];
    const operations = counted((a) =>
      layerTransition(a, [{ input: stream, output: stream }], { direction: '1-cos' }),
    );
    const norms = 2 * (2 * 6 + 2);
    const magnitude = 2 + 2;
    const cosine = 6 + 6 + 2 + 2 + 2;
    const weight = 2 + 5 * 2;
    expect(operations).toEqual({
      multiplyAdds: 0,
      elementwise: norms + magnitude + cosine + weight + 2,
    });
  });

  it('attention logits: 4 query heads, 2 key heads, 3 rows, 5 keys, head size 2', () => {
    const shape = { heads: 4, kvHeads: 2, headDim: 2, scale: 1 };
    const logits = (softcap?: number) =>
      counted((a) => attentionLogits(a, [1, 4, 3, 2], [1, 2, 5, 2], { ...shape, softcap }));
    const scale = 4 * 3 * 2;
    const pairs = 4 * 3 * 5;
    expect(logits()).toEqual({ multiplyAdds: pairs * 2, elementwise: scale });
    // Divide, tanh, multiply.
    expect(logits(30)).toEqual({ multiplyAdds: pairs * 2, elementwise: scale + 3 * pairs });
  });

  it('instruction attention: the mean of all rows, or a weighted one', () => {
    const bias: Shape = [3, 5];
    const pairs = 4 * 3 * 5;
    const plain = counted((a) => instructionAttention(a, { logits: [1, 4, 3, 5], bias }));
    expect(plain).toEqual({ multiplyAdds: 0, elementwise: pairs + 5 * pairs + (pairs + 5) });
    const weighted = counted((a) =>
      instructionAttention(a, { logits: [1, 4, 3, 5], bias, rowWeights: [1, 1, 3, 1] }),
    );
    // Mean over heads to [1, 1, 3, 5], multiplied, summed up.
    const mean = pairs + 15 + 15 + 15;
    expect(weighted).toEqual({ multiplyAdds: 0, elementwise: pairs + 5 * pairs + mean });
  });

  it('two operations are one multiply-add', () => {
    expect(inMultiplyAdds({ multiplyAdds: 10, elementwise: 6 })).toBe(13);
  });
});

describe('shapes that do not fit', () => {
  const { algebra } = costAlgebra();
  it.each([
    ['broadcast', () => algebra.add([2, 3], [2, 4])],
    ['multiply as matrices', () => algebra.matmul([2, 3], [4, 2])],
    ['reshape into one another', () => algebra.reshape([2, 3], [4, -1, 5])],
  ])('are refused: %s', (what, run) => {
    expect(run).toThrowError(new RegExp(`expected shapes that ${what}, got \\[`));
  });
});
