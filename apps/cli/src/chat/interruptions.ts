/** Ctrl-C in a conversation: once stops the answer, twice leaves. */

export interface Interruptions {
  /** What Ctrl-C calls. */
  readonly onInterrupt: () => void;
  /** Something new was typed: the next Ctrl-C is the first again. */
  forget(): void;
  /** Lends a signal that Ctrl-C aborts, besides another one. */
  during<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/**
 * @param hint is called for a first Ctrl-C that stops nothing
 * @param leave is called for the second
 */
export function createInterruptions(hint: () => void, leave: () => void): Interruptions {
  let pressed = 0;
  let running: AbortController | undefined;
  return {
    onInterrupt() {
      pressed++;
      if (pressed > 1) leave();
      else if (!running) hint();
      running?.abort();
    },
    forget() {
      pressed = 0;
    },
    async during(signal, work) {
      const controller = new AbortController();
      running = controller;
      try {
        return await work(AbortSignal.any([signal, controller.signal]));
      } finally {
        running = undefined;
      }
    },
  };
}
