/** Text of an answer whose tokens come one by one, held back while it may not be shown yet. */

/** What a token brought. */
export interface NewText {
  /** May be shown. */
  readonly text: string;
  /** True if a stop text was reached; what follows it is not shown. */
  readonly stopped: boolean;
}

/** Stands for bytes that are no letter yet. */
const unfinished = '\ufffd';

export class AnswerText {
  private readonly decode: (ids: readonly number[]) => string;
  private readonly stops: readonly string[];
  private readonly ids: number[] = [];
  /** Tokens from here are decoded again with each new one, for what they are depends on those before. */
  private windowStart = 0;
  /** Tokens before this one are in the text. */
  private read = 0;
  private shown = '';
  private held = '';

  constructor(decode: (ids: readonly number[]) => string, stops: readonly string[] = []) {
    this.decode = decode;
    this.stops = stops.filter((stop) => stop !== '');
  }

  /** The text so far, without what is held back. */
  get text(): string {
    return this.shown;
  }

  add(id: number): NewText {
    this.ids.push(id);
    this.held += this.newLetters(false);
    return this.show();
  }

  /** What is held back, when no token follows. */
  flush(): string {
    this.held += this.newLetters(true);
    const { text, stopped } = this.show();
    if (stopped) return text;
    const rest = this.held;
    this.held = '';
    this.shown += rest;
    return text + rest;
  }

  /** Letters that the last token completed. */
  private newLetters(isLast: boolean): string {
    const before = this.decoded(this.windowStart, this.read);
    const now = this.decoded(this.windowStart, this.ids.length);
    if (now.length <= before.length || (now.endsWith(unfinished) && !isLast)) return '';
    this.windowStart = this.read;
    this.read = this.ids.length;
    return now.slice(before.length);
  }

  private decoded(from: number, to: number): string {
    return to > from ? this.decode(this.ids.slice(from, to)) : '';
  }

  private show(): NewText {
    const found = this.stops.map((stop) => this.held.indexOf(stop)).filter((at) => at >= 0);
    const stopped = found.length > 0;
    const length = stopped ? Math.min(...found) : this.held.length - this.possibleStop();
    const text = this.held.slice(0, length);
    this.held = stopped ? '' : this.held.slice(length);
    this.shown += text;
    return { text, stopped };
  }

  /** Length of the longest end that a stop text may begin with. */
  private possibleStop(): number {
    const lengths = this.stops.map((stop) => {
      for (let length = Math.min(stop.length - 1, this.held.length); length > 0; length--) {
        if (this.held.endsWith(stop.slice(0, length))) return length;
      }
      return 0;
    });
    return Math.max(0, ...lengths);
  }
}
