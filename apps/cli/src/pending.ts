/** Work that an interruption waits for, so that no file is left half-written. */
const pending = new Set<Promise<unknown>>();

/** Marks work as such, and passes its outcome on. */
export async function finishFirst<T>(work: Promise<T>): Promise<T> {
  pending.add(work);
  try {
    return await work;
  } finally {
    pending.delete(work);
  }
}

/** Until all such work has ended, well or not. */
export async function pendingEnded(): Promise<void> {
  await Promise.allSettled(pending);
}
