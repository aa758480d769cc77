/** Lines on what takes long, on terminals alone unless they say otherwise. */
import { duration, timeLeft } from './show/time-left.js';
import type { Terminal } from './terminal.js';

/**
 * Tells of equal steps which one begins, and how long the rest takes.
 *
 * @param what a step, such as `round`
 * @returns to be told how many steps are done, before each of them
 */
export function countdown(
  { progress }: Terminal,
  what: string,
  all: number,
): (done: number) => void {
  const start = performance.now();
  return (done) => progress(timeLeft(what, done, all, start, performance.now()));
}

const secondMs = 1000;
const milestoneMs = 30 * secondMs;

/** As `countdown`; off terminals too, by a line after the first step and then one in half a minute. */
export function loggedCountdown(
  { progress, milestone }: Terminal,
  what: string,
  all: number,
  now = () => performance.now(),
): (done: number) => void {
  const start = now();
  let told = Number.NEGATIVE_INFINITY;
  return (done) => {
    const at = now();
    const line = timeLeft(what, done, all, start, at);
    progress(line);
    if (done === 0 || at - told < milestoneMs) return;
    told = at;
    milestone(line);
  };
}

/**
 * Tells what is waited for, and after two seconds for how long.
 *
 * @param work is given what ends the line before its end, such as when an answer begins
 */
export async function waiting<T>(
  { progress }: Terminal,
  what: string,
  work: (arrived: () => void) => Promise<T>,
): Promise<T> {
  const start = performance.now();
  progress(`${what} ...`);
  const timer = setInterval(() => {
    const ms = performance.now() - start;
    if (ms >= 2 * secondMs) progress(`${what} ..., ${duration(ms)}`);
  }, secondMs);
  let isWaiting = true;
  const end = () => {
    if (!isWaiting) return;
    isWaiting = false;
    clearInterval(timer);
    progress('');
  };
  try {
    return await work(end);
  } finally {
    end();
  }
}
