/**
 * Lets others have the thread: timers, messages, the page. Where a session computes on this thread, its
 * promises alone would never do so.
 */
export function breathe(): Promise<void> {
  const { setImmediate: soon } = globalThis as {
    readonly setImmediate?: (call: () => void) => unknown;
  };
  if (soon) return new Promise((resolve) => soon(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener('message', () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(undefined);
  });
}
