import { TransPruneError } from '@transprune/core';
import type { Chat, Engine } from '../engine/engine.js';
import type { EngineEvent } from '../engine/events.js';
import { chatFault, requestFault } from '../engine/options.js';
import type { AnswerOptions } from '../engine/request.js';
import { engineIsDisposed } from '../engine/scheduler.js';
import { EventStream, failedStream } from '../engine/stream.js';
import type { ImageSource } from '../frontend.js';
import { type EnginePort, listen } from './port.js';
import {
  type EngineFacts,
  errorOf,
  type FromEngine,
  type PlainRequest,
  type PlainTurn,
  sealed,
  type ToEngine,
  unsealed,
} from './protocol.js';

/** Who waits for what comes back under a number. */
interface Waiting {
  event(event: EngineEvent): void;
  end(): void;
  fail(error: unknown): void;
  /** The engine was disposed before it answered. */
  disposed(): void;
}

/**
 * Uses an engine through a port: the worker itself, or a `MessagePort`. The other end has `serveEngine`. Several
 * clients may share a port, and the engine.
 *
 * @throws TransPruneError what opening the engine failed with
 */
export async function connectEngine(port: EnginePort): Promise<Engine> {
  const waiting = new Map<number, Waiting>();
  let next = 0;
  /** Why nothing can be asked any more. */
  let gone: TransPruneError | undefined;
  let isDisposed = false;
  const client = clientName();
  const send = (message: ToEngine) => port.postMessage(sealed(client, message));
  let greet: (facts: EngineFacts) => void = () => {};
  let refuse: (error: unknown) => void = () => {};
  const greeting = new Promise<EngineFacts>((resolve, reject) => {
    greet = resolve;
    refuse = reject;
  });
  const wasDisposed = () => {
    isDisposed = true;
    gone = engineIsDisposed();
    refuse(gone);
    for (const each of waiting.values()) each.disposed();
    waiting.clear();
    stop();
  };
  const stop = listen(
    port,
    (received) => {
      const found = unsealed<FromEngine>(received);
      if (found?.client !== client) return;
      if (found.message.type === 'disposed') wasDisposed();
      else receive(found.message, waiting, greet, refuse);
    },
    () => {
      gone ??= lost();
      refuse(gone);
      for (const each of waiting.values()) each.fail(gone);
      waiting.clear();
    },
  );

  const call = (message: (id: number) => ToEngine): Promise<void> =>
    new Promise((resolve, reject) => {
      // What there is to free is freed with the engine.
      if (isDisposed) return resolve();
      if (gone) return reject(gone);
      const id = next++;
      waiting.set(id, { event() {}, end: resolve, fail: reject, disposed: resolve });
      send(message(id));
    });
  const stream = (
    { signal }: AnswerOptions,
    message: (id: number) => ToEngine,
  ): AsyncIterable<EngineEvent> => {
    const id = next++;
    const abort = () => send({ type: 'abort', id });
    let settle: () => void = () => {};
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const events = new EventStream<EngineEvent>(() => {
      if (waiting.has(id)) abort();
      return settled;
    });
    const over = () => {
      signal?.removeEventListener('abort', abort);
      settle();
    };
    waiting.set(id, {
      event: (event) => events.push(event),
      end() {
        over();
        events.end();
      },
      fail(error) {
        over();
        events.fail(error);
      },
      disposed() {
        this.fail(engineIsDisposed());
      },
    });
    try {
      if (gone) throw gone;
      send(message(id));
      if (signal?.aborted) abort();
      signal?.addEventListener('abort', abort, { once: true });
    } catch (error) {
      waiting.get(id)?.fail(TransPruneError.isInstance(error) ? error : notCopied(error));
      waiting.delete(id);
    }
    return events;
  };

  send({ type: 'hello' });
  let facts: EngineFacts;
  try {
    facts = await greeting;
  } catch (error) {
    stop();
    throw error;
  }
  let disposing: Promise<void> | undefined;
  const dispose = async () => {
    if (gone) return stop();
    const answered = call((id) => ({ type: 'dispose', id }));
    isDisposed = true;
    gone = engineIsDisposed();
    try {
      await answered;
    } finally {
      stop();
    }
  };
  return {
    ...facts,
    generate(request) {
      const fault = requestFault(request, 'request');
      if (fault) return failedStream(fault);
      return stream(request, (id) => ({
        type: 'generate',
        id,
        request: plain(request) as PlainRequest,
      }));
    },
    chat(options): Chat {
      const wrong = chatFault(options);
      if (wrong) return { ask: () => failedStream(wrong), dispose: async () => {} };
      const chat = next++;
      if (!gone) send({ type: 'chat', chat, options });
      return {
        ask(turn) {
          const fault = requestFault(turn, 'turn');
          if (fault) return failedStream(fault);
          return stream(turn, (id) => ({ type: 'ask', id, chat, turn: plain(turn) as PlainTurn }));
        },
        dispose: () => call((id) => ({ type: 'leave', id, chat })),
      };
    },
    dispose() {
      disposing ??= dispose();
      return disposing;
    },
  };
}

/** Tells a client from the others on its port. */
function clientName(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join(
    '-',
  );
}

function receive(
  message: Exclude<FromEngine, { readonly type: 'disposed' }>,
  waiting: Map<number, Waiting>,
  greet: (facts: EngineFacts) => void,
  refuse: (error: unknown) => void,
): void {
  if (message.type === 'ready') {
    greet(message.facts);
  } else if (message.type === 'refused') {
    refuse(errorOf(message.error));
  } else if (message.type === 'event') {
    waiting.get(message.id)?.event(message.event);
  } else {
    const waits = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.type === 'end') waits?.end();
    else waits?.fail(errorOf(message.error));
  }
}

/** What of a request can be copied; addresses as their texts. */
function plain({ signal: _signal, images, ...rest }: AnswerOptions): object {
  const copied = images?.map((image): ImageSource => (image instanceof URL ? image.href : image));
  return { ...rest, ...(copied && { images: copied }) };
}

function notCopied(cause: unknown): TransPruneError {
  return new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a request that can be copied to the engine's thread, got one that cannot: ${cause}`,
    {},
    { cause },
  );
}

function lost(): TransPruneError {
  return new TransPruneError(
    'RUN_FAILED',
    'expected an answer from the engine in the worker, but the worker is gone; start it again',
  );
}
