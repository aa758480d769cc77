/** What passes between an engine and those who use it from another thread; all of it is plain data. */
import { type ErrorCode, type ErrorData, TransPruneError } from '@transprune/core';
import type { EngineEvent } from '../engine/events.js';
import type { ChatOptions, ChatTurn, EngineRequest } from '../engine/request.js';

/** Marks the messages, among others that may pass the same port. */
export const channel = 'transprune';

/** A request without what cannot be copied. */
export type PlainRequest = Omit<EngineRequest, 'signal'>;
export type PlainTurn = Omit<ChatTurn, 'signal'>;

/** Numbers name requests and conversations; whoever asks chooses them, each client for itself. */
export type ToEngine =
  | { readonly type: 'hello' }
  | { readonly type: 'generate'; readonly id: number; readonly request: PlainRequest }
  | { readonly type: 'chat'; readonly chat: number; readonly options?: ChatOptions | undefined }
  | { readonly type: 'ask'; readonly id: number; readonly chat: number; readonly turn: PlainTurn }
  | { readonly type: 'abort'; readonly id: number }
  /** Answered by `end` of the same number. */
  | { readonly type: 'leave'; readonly id: number; readonly chat: number }
  | { readonly type: 'dispose'; readonly id: number };

export type FromEngine =
  | { readonly type: 'ready'; readonly facts: EngineFacts }
  | { readonly type: 'refused'; readonly error: PlainError }
  | { readonly type: 'event'; readonly id: number; readonly event: EngineEvent }
  | { readonly type: 'error'; readonly id: number; readonly error: PlainError }
  | { readonly type: 'end'; readonly id: number }
  /** Nothing comes after it, and nothing is answered any more. */
  | { readonly type: 'disposed' };

export interface EngineFacts {
  readonly modelType: string;
  readonly imageTokenId: number;
  readonly device: string;
}

export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly data: ErrorData;
}

/** A message, and which of the clients on a port it is from or for. */
export interface Sealed<Message> {
  readonly client: string;
  readonly message: Message;
}

/** A message with the channel's mark. */
export function sealed<Message extends ToEngine | FromEngine>(
  client: string,
  message: Message,
): Sealed<Message> & { readonly channel: string } {
  return { channel, client, message };
}

/** What is under the mark; undefined for messages of others. */
export function unsealed<Message extends ToEngine | FromEngine>(
  received: unknown,
): Sealed<Message> | undefined {
  if (typeof received !== 'object' || received === null) return undefined;
  if (!('channel' in received && received.channel === channel)) return undefined;
  if (!('client' in received && 'message' in received)) return undefined;
  return received as Sealed<Message>;
}

/** An error as data; its data are what JSON keeps of them. */
export function plainError(error: unknown): PlainError {
  if (TransPruneError.isInstance(error)) {
    const plain = JSON.stringify(error.data, (_key, value: unknown) =>
      typeof value === 'bigint' ? Number(value) : value,
    );
    return { code: error.code, message: error.message, data: JSON.parse(plain) as ErrorData };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'RUN_FAILED', message, data: {} };
}

export function errorOf({ code, message, data }: PlainError): TransPruneError {
  return new TransPruneError(code, message, data);
}
