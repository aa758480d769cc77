/** Patches fade in and out, unless the user wants no motion. */

const durationMs = 260;

/**
 * Moves values towards their targets, in place, and draws each step.
 *
 * @returns ends it where it is
 */
export function fade(
  values: Float32Array,
  target: (index: number) => number,
  draw: () => void,
): () => void {
  const from = values.slice();
  const isDone = from.every((value, index) => value === target(index));
  if (isDone || matchMedia('(prefers-reduced-motion: reduce)').matches) {
    values.forEach((_, index) => {
      values[index] = target(index);
    });
    draw();
    return () => {};
  }
  const start = performance.now();
  let frame = requestAnimationFrame(step);
  function step(now: number) {
    const share = Math.min(1, Math.max(0, (now - start) / durationMs));
    const eased = 1 - (1 - share) ** 3;
    from.forEach((value, index) => {
      values[index] = value + (target(index) - value) * eased;
    });
    draw();
    if (share < 1) frame = requestAnimationFrame(step);
  }
  return () => cancelAnimationFrame(frame);
}
