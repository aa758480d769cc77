/** Work that ends when a signal says so. */

/** The outcome of work, or the abortion's reason as soon as it comes; the work is not waited for then. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
    work.catch(() => {});
  }
}

/**
 * Lends a controller that follows a signal; it is aborted when `use` ends, however it ends.
 *
 * @throws what `use` throws, or the signal's reason if it is aborted already
 */
export async function withController<T>(
  signal: AbortSignal | undefined,
  use: (controller: AbortController) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stop = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    signal?.throwIfAborted();
    return await use(controller);
  } finally {
    signal?.removeEventListener('abort', stop);
    // Whatever is under way that nobody wants, such as the rest of a body.
    controller.abort();
  }
}
