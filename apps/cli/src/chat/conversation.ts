/** A conversation: what was said, and the pictures that go with the next question. */
import { TransPruneError } from '@transprune/core';
import type { AnswerOptions, Chat, GenerateResult } from '@transprune/vlm';
import type { Surroundings } from '../model/find.js';
import { waiting } from '../progress.js';
import { compareAnswers } from '../run/compare.js';
import type { OpenedModel } from '../run/engine.js';
import { checkQuestion, type Picture } from '../run/inputs.js';
import { requestFor, type Turn } from '../run/request.js';
import { showComparison, showTurn } from '../show/run.js';

/** Pictures for the next question. */
export interface Shown {
  readonly pictures: readonly Picture[];
  /** True if they were shown before, so that another one takes their place. */
  readonly again: boolean;
}

export interface ConversationOptions {
  /** What it begins with. */
  readonly system?: string;
  readonly answering: AnswerOptions;
  readonly shown: Shown;
  /** Told what was said, as data. */
  readonly record: (entry: object) => void;
}

export class Conversation {
  private shown: Shown;
  private turns: Turn[] = [];
  private chat: Chat;
  private readonly opened: OpenedModel;
  private readonly options: ConversationOptions;
  private readonly around: Surroundings;

  constructor(opened: OpenedModel, options: ConversationOptions, around: Surroundings) {
    this.opened = opened;
    this.options = options;
    this.around = around;
    this.shown = options.shown;
    this.chat = this.begin();
  }

  /** Answers as the answer comes. One that is stopped leaves the conversation as it was. */
  async ask(question: string, signal: AbortSignal): Promise<void> {
    checkQuestion(question);
    const { terminal } = this.around;
    const { collect } = await import('@transprune/vlm');
    const { pictures } = this.shown;
    const images = pictures.map(({ pixels }) => pixels);
    const turn = { ...this.options.answering, question, images, signal };
    const result = await waiting(terminal, 'reading', (arrived) =>
      collect(this.chat.ask(turn), ({ text }) => {
        arrived();
        terminal.stream(text);
      }),
    );
    terminal.stream('\n');
    if (result.finishReason === 'aborted') {
      terminal.info('stopped; the question counts as not asked');
      return;
    }
    this.shown = { pictures: [], again: false };
    this.turns.push({ pictures, question, answer: result.text });
    this.options.record(entryOf(question, pictures, result));
    terminal.info(showTurn(result));
  }

  /** Asks the last question again, with all that led to it: the unpruned and the pruned decoder, from nothing. */
  async compare(signal: AbortSignal): Promise<void> {
    const last = this.turns.at(-1);
    if (!last) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        'expected a question before /compare, got none; ask one first',
      );
    }
    const { answering, system } = this.options;
    const before = this.turns.slice(0, -1);
    const request = requestFor(
      last,
      { ...answering, signal },
      { ...(system && { system }), before },
    );
    const { terminal } = this.around;
    const { unpruned, pruned } = await compareAnswers(this.opened, request, 1, terminal);
    this.options.record({ compared: last.question, unpruned, pruned });
    terminal.show([showComparison(unpruned, pruned)]);
  }

  /** Shows a picture with the next question, beside others that wait for it. */
  show(picture: Picture): void {
    const { pictures, again } = this.shown;
    this.shown = { pictures: again ? [picture] : [...pictures, picture], again: false };
  }

  /** What the next question of a conversation that starts anew shows: all that this one has seen, or is to see. */
  get shownAgain(): Shown {
    const { pictures, again } = this.shown;
    const seen = this.turns.flatMap((turn) => turn.pictures);
    return { pictures: [...seen, ...pictures], again: again || seen.length > 0 };
  }

  /** Starts anew. */
  async clear(): Promise<void> {
    await this.dispose();
    this.shown = this.shownAgain;
    this.turns = [];
    this.chat = this.begin();
  }

  async dispose(): Promise<void> {
    await this.chat.dispose();
  }

  private begin(): Chat {
    const { system } = this.options;
    return this.opened.engine.chat(system === undefined ? {} : { system });
  }
}

function entryOf(question: string, pictures: readonly Picture[], result: GenerateResult) {
  const { text, finishReason, usage, timings } = result;
  const images = pictures.map(({ name }) => name);
  return { question, images, answer: text, finishReason, usage, timings };
}
