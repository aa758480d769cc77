import { BaseStreamer, type PreTrainedTokenizer } from '@huggingface/transformers';

/** A token as it appears, with the text that it completes (empty while a letter is unfinished). */
export interface GeneratedToken {
  readonly id: number;
  readonly text: string;
}

/** Receives the ids from the generation loop: first the prompt's, then the answer's one by one. */
export class TokenCollector extends BaseStreamer {
  readonly ids: number[] = [];
  /** When the first token of the answer came. */
  firstAt: number | undefined;
  private readonly tokenizer: PreTrainedTokenizer;
  private readonly onToken: ((token: GeneratedToken) => void) | undefined;
  private sawPrompt = false;
  private shown = '';

  constructor(
    tokenizer: PreTrainedTokenizer,
    onToken: ((token: GeneratedToken) => void) | undefined,
  ) {
    super();
    this.tokenizer = tokenizer;
    this.onToken = onToken;
  }

  override put(value: bigint[][]): void {
    if (!this.sawPrompt) {
      this.sawPrompt = true;
      return;
    }
    this.firstAt ??= performance.now();
    for (const id of value[0] ?? []) {
      this.ids.push(Number(id));
      this.onToken?.({ id: Number(id), text: this.newText() });
    }
  }

  override end(): void {}

  /** Text since the last call; a letter whose bytes are not complete yet waits for the next token. */
  private newText(): string {
    const text = this.tokenizer.decode(this.ids, { skip_special_tokens: true });
    if (text.endsWith('\ufffd')) return '';
    const added = text.slice(this.shown.length);
    this.shown = text;
    return added;
  }
}
