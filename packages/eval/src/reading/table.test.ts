import { expect, test } from 'vitest';
import { readTable } from './table.js';

/** Of each row its line and its cells. */
const read = (...lines: string[]) => {
  const { rows, faults } = readTable(lines.join('\n'));
  return {
    rows: rows.map(({ line, cells }) => [line, ...cells]),
    faults: faults.map(({ line }) => line),
  };
};

test('cells as pandas writes them: quoted where they hold quotes, tabs or ends of lines', () => {
  const text = 'a\tb\r\n1\t"x ""y""\nz"\r\n\n2\t"x\ty"\n3\t5" nail\n4\t"a" b\n""\t';
  expect(readTable(text)).toEqual({
    rows: [
      { line: 1, cells: ['a', 'b'] },
      { line: 2, cells: ['1', 'x "y"\nz'] },
      { line: 5, cells: ['2', 'x\ty'] },
      { line: 6, cells: ['3', '5" nail'] },
      { line: 7, cells: ['4', 'a b'] },
      { line: 8, cells: ['', ''] },
    ],
    faults: [],
  });
  expect(readTable('')).toEqual({ rows: [], faults: [] });
});

test('a stray quote costs its line alone', () => {
  // Never closed.
  expect(read('a\tb', '1\tx', '2\t"x', '3\ty')).toEqual({
    rows: [
      [1, 'a', 'b'],
      [2, '1', 'x'],
      [4, '3', 'y'],
    ],
    faults: [3],
  });
  // Closed by the next row's opening one, which would make one row of two.
  expect(read('1\t"x\tA', '2\t"y"\tB', '3\tz\tC')).toEqual({
    rows: [
      [2, '2', 'y', 'B'],
      [3, '3', 'z', 'C'],
    ],
    faults: [1],
  });
  // The file ends within a row.
  expect(read('1\tx\tA', '2\t"y', 'and y')).toEqual({
    rows: [
      [1, '1', 'x', 'A'],
      [3, 'and y'],
    ],
    faults: [2],
  });
});
