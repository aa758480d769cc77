/** What a conversation keeps between its turns. */
import { TransPruneError } from '@transprune/core';
import type { DecoderSession } from '@transprune/session';
import type { ChatMessage, Frontend } from '../frontend.js';
import { type ChatOptions, type ChatTurn, userTurn } from './request.js';

/** All turns so far. */
export interface Past {
  readonly messages: readonly ChatMessage[];
  /** Of all turns, the answers' too; the last one has not gone through the decoder. */
  readonly ids: readonly number[];
  /** True if the last answer ended with an end token. */
  readonly isClosed: boolean;
  readonly decoder: DecoderSession;
}

/** Stands for the last answer in a prompt that is cut after it. */
const answerMark = '\ue000';

export class Conversation {
  /** True while a turn is being answered. */
  isBusy = false;
  private readonly system: string | undefined;
  private kept: Past | undefined;
  private over = false;

  constructor({ system }: ChatOptions = {}) {
    this.system = system;
  }

  /** The turns so far; undefined at the start. */
  get past(): Past | undefined {
    return this.kept;
  }

  get isOver(): boolean {
    return this.over;
  }

  /** The conversation up to a turn's question. */
  messages({ question, images = [] }: ChatTurn): ChatMessage[] {
    const first =
      this.system === undefined ? [] : [{ role: 'system', content: this.system } as const];
    return [...(this.kept?.messages ?? first), userTurn(question, images.length)];
  }

  /** Takes over what a turn left, the decoder's caches with it. */
  keep(past: Past): void {
    this.kept?.decoder.dispose();
    this.kept = past;
    if (this.over) this.dispose();
  }

  dispose(): void {
    this.over = true;
    this.kept?.decoder.dispose();
    this.kept = undefined;
  }
}

/**
 * What the template writes after the last answer.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL if it leaves earlier answers out
 */
export function textAfterAnswer(frontend: Frontend, messages: readonly ChatMessage[]): string {
  const marked = messages.map((message, at) =>
    at === messages.length - 2 ? { ...message, content: answerMark } : message,
  );
  const rendered = frontend.render(marked);
  const mark = rendered.lastIndexOf(answerMark);
  if (mark < 0) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      'expected a chat template that shows earlier answers, got one that leaves them out; ask with generate and all messages',
    );
  }
  return rendered.slice(mark + answerMark.length);
}

/** Tokens that a turn runs: the answer's last one, which is still to be run, and the new ones. */
export function idsOnTop(newIds: readonly number[], { ids, isClosed }: Past): number[] {
  const last = ids.slice(-1);
  // The template may write the end token that the answer brought already.
  const isTwice = isClosed && newIds[0] === last[0];
  return isTwice ? [...newIds] : [...last, ...newIds];
}

/** What asking a disposed conversation fails with. */
export function conversationIsOver(): TransPruneError {
  return new TransPruneError(
    'INVALID_ARGUMENT',
    'expected a conversation that can go on, got one that is disposed; start another one',
  );
}
