/** Events on their way from whoever makes them to whoever reads them. */
export class EventStream<Event> implements AsyncIterable<Event> {
  private readonly events: Event[] = [];
  private ended = false;
  private failure: { readonly error: unknown } | undefined;
  private wake: (() => void) | undefined;
  private readonly onLeave: () => Promise<void>;

  /** @param onLeave is called when the reader leaves before the end; reading ends when it is done */
  constructor(onLeave: () => Promise<void>) {
    this.onLeave = onLeave;
  }

  push(event: Event): void {
    this.events.push(event);
    this.wake?.();
  }

  end(): void {
    this.ended = true;
    this.wake?.();
  }

  /** Ends the events with an error, after those that are there. */
  fail(error: unknown): void {
    this.failure ??= { error };
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    let isOver = false;
    try {
      while (true) {
        const event = this.events.shift();
        if (event !== undefined) {
          yield event;
        } else if (this.ended) {
          isOver = true;
          if (this.failure) throw this.failure.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      if (!isOver) await this.onLeave();
    }
  }
}
