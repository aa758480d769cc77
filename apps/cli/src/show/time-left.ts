/** How far something is, and how much longer it takes. */

/**
 * A line such as `round 12 of 50, 1 min 20 s left`; what is left is known after the first of equal steps.
 *
 * @param what the step that begins, such as `round`
 * @param done steps before it
 * @param startedAt when the first step began, as `now` counts, in milliseconds
 */
export function timeLeft(
  what: string,
  done: number,
  all: number,
  startedAt: number,
  now: number,
): string {
  const step = `${what} ${done + 1} of ${all}`;
  if (done === 0) return step;
  return `${step}, ${duration(((now - startedAt) / done) * (all - done))} left`;
}

/** Milliseconds as minutes and seconds. */
export function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}
