import { expect, test } from 'vitest';
import { capturingIo } from '../testing/program.js';
import { loggedCountdown } from './progress.js';
import { createTerminal, type OutputOptions } from './terminal.js';

/** What ten steps of so many seconds leave on stderr. */
function written(seconds: number, options: OutputOptions = {}, isTTY = false): string {
  const io = capturingIo();
  let now = 0;
  const terminal = createTerminal({ ...io, stderr: { ...io.stderr, isTTY } }, options);
  const begin = loggedCountdown(terminal, 'round', 10, () => now);
  for (let done = 0; done < 10; done++) {
    begin(done);
    now += 1000 * seconds;
  }
  return io.stderr.text();
}

test('off terminals a line after the first step, then one in half a minute', () => {
  expect(written(1)).toBe('round 2 of 10, 9 s left\n');
  expect(written(20)).toBe(
    [2, 4, 6, 8, 10]
      .map((step) => {
        const seconds = 20 * (11 - step);
        const minutes = Math.floor(seconds / 60);
        const left = minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
        return `round ${step} of 10, ${left} left\n`;
      })
      .join(''),
  );
  expect(written(1, { json: true })).not.toBe('');
  expect(written(20, { quiet: true })).toBe('');
});

test('on terminals the one line that is written over', () => {
  const lines = written(20, {}, true);
  expect(lines).toContain('round 10 of 10');
  expect(lines).not.toContain('\n');
});
