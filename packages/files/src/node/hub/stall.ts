import { slowestBytesPerSecond } from './policy.js';

/** Watches a body for standing still. Only time spent waiting for the server counts. */
export interface StallGuard {
  /** Before waiting for bytes. */
  waiting(): void;
  /** After some came. */
  received(bytes: number): void;
  stop(): void;
}

/**
 * @param idleMs patience; it is full again after as many bytes as the slowest transfer brings in that time
 * @param onStall called once when patience is at its end
 */
export function guardAgainstStall(idleMs: number, onStall: () => void): StallGuard {
  const enough = Math.max(1, (idleMs / 1000) * slowestBytesPerSecond);
  let patienceMs = idleMs;
  let bytesSince = 0;
  let since = 0;
  let timer: NodeJS.Timeout | undefined;
  return {
    waiting() {
      since = performance.now();
      timer = setTimeout(onStall, patienceMs);
    },
    received(bytes) {
      clearTimeout(timer);
      patienceMs = Math.max(0, patienceMs - (performance.now() - since));
      bytesSince += bytes;
      if (bytesSince < enough) return;
      patienceMs = idleMs;
      bytesSince = 0;
    },
    stop: () => clearTimeout(timer),
  };
}
