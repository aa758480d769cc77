/** How much longer something of equal rounds takes. */

/**
 * A line such as `round 12 of 50, 1 min 20 s left`; what is left is known after the first round.
 *
 * @param startedAt when the first round began, as `now` counts
 */
export function timeLeft(done: number, all: number, startedAt: number, now: number): string {
  const round = `round ${done + 1} of ${all}`;
  if (done === 0) return round;
  return `${round}, ${duration(((now - startedAt) / done) * (all - done))} left`;
}

/** Milliseconds as minutes and seconds. */
function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}
