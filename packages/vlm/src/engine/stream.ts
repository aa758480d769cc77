/** Events on their way from whoever makes them to whoever reads them. */
export class EventStream<Event> implements AsyncIterable<Event> {
  private readonly events: Event[] = [];
  private ended = false;
  private failure: { readonly error: unknown } | undefined;
  private wake: () => void = () => {};
  /** Settles when whoever asked before has its event. */
  private turn: Promise<unknown> = Promise.resolve();
  private readonly onLeave: () => Promise<void>;

  /** @param onLeave is called when the reader leaves before the end; leaving takes until it is done */
  constructor(onLeave: () => Promise<void>) {
    this.onLeave = onLeave;
  }

  push(event: Event): void {
    this.events.push(event);
    this.wake();
  }

  end(): void {
    this.ended = true;
    this.wake();
  }

  /** Ends the events with an error, after those that are there. */
  fail(error: unknown): void {
    this.failure ??= { error };
    this.end();
  }

  /** Not a generator, for one that is left before its first event never learns of it. */
  [Symbol.asyncIterator](): AsyncIterator<Event, undefined> {
    let isOver = false;
    const over = { done: true, value: undefined } as const;
    const leave = async () => {
      if (!isOver) {
        isOver = true;
        this.wake();
        await this.onLeave();
      }
      return over;
    };
    const next = async (): Promise<IteratorResult<Event, undefined>> => {
      while (!isOver) {
        const event = this.events.shift();
        if (event !== undefined) return { done: false, value: event };
        if (this.ended) {
          isOver = true;
          if (this.failure) throw this.failure.error;
          break;
        }
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
      return over;
    };
    return {
      // Whoever asks while another waits comes after it.
      next: () => {
        const result = this.turn.then(next);
        this.turn = result.then(
          () => {},
          () => {},
        );
        return result;
      },
      return: leave,
      throw: async (error: unknown) => {
        await leave();
        throw error;
      },
    };
  }
}

/** No events but an error. */
export function failedStream(error: unknown): EventStream<never> {
  const events = new EventStream<never>(async () => {});
  events.fail(error);
  return events;
}
