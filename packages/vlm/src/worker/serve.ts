import { conversationIsOver } from '../engine/conversation.js';
import type { Chat, Engine } from '../engine/engine.js';
import type { EngineEvent } from '../engine/events.js';
import type { EngineRequest } from '../engine/request.js';
import { type EnginePort, listen } from './port.js';
import { type FromEngine, plainError, sealed, type ToEngine, unsealed } from './protocol.js';

/** An engine that is served. */
export interface ServedEngine {
  /** Aborts what this port asked for, and listens no more. The engine goes on. */
  close(): Promise<void>;
}

/**
 * Answers what comes through a port, in a worker mostly. What the other end asked for is aborted when it is
 * gone; the engine is disposed when the other end says so.
 *
 * @param engine may be one that is still being opened; the other end is told if that fails
 */
export function serveEngine(port: EnginePort, engine: Engine | Promise<Engine>): ServedEngine {
  const running = new Map<number, AbortController>();
  const chats = new Map<number, Chat>();
  const opened = Promise.resolve(engine);
  const send = (message: FromEngine) => port.postMessage(sealed(message));

  const answer = async (id: number, ask: (signal: AbortSignal) => AsyncIterable<EngineEvent>) => {
    const { signal } = running.get(id) ?? new AbortController();
    await settle(id, async () => {
      for await (const event of ask(signal)) send({ type: 'event', id, event });
    });
    running.delete(id);
  };
  const settle = async (id: number, work: () => Promise<void>) => {
    try {
      await work();
      send({ type: 'end', id });
    } catch (error) {
      send({ type: 'error', id, error: plainError(error) });
    }
  };
  const close = async () => {
    stop();
    for (const controller of running.values()) controller.abort();
    await Promise.all([...chats.values()].map((chat) => chat.dispose()));
    chats.clear();
  };
  const handle = async (message: ToEngine): Promise<void> => {
    if (message.type === 'abort') return running.get(message.id)?.abort();
    // At once, for an abort may come while the engine is still being opened.
    if (message.type === 'generate' || message.type === 'ask')
      running.set(message.id, new AbortController());
    let ready: Engine;
    try {
      ready = await opened;
    } catch (error) {
      if (message.type === 'hello') send({ type: 'refused', error: plainError(error) });
      return;
    }
    switch (message.type) {
      case 'hello': {
        const { modelType, imageTokenId, device } = ready;
        send({ type: 'ready', facts: { modelType, imageTokenId, device } });
        break;
      }
      case 'generate':
        await answer(message.id, (signal) =>
          ready.generate({ ...message.request, signal } as EngineRequest),
        );
        break;
      case 'chat':
        chats.set(message.chat, ready.chat(message.options));
        break;
      case 'ask':
        await answer(message.id, (signal) => {
          const chat = chats.get(message.chat);
          if (!chat) throw conversationIsOver();
          return chat.ask({ ...message.turn, signal });
        });
        break;
      case 'leave':
        await settle(message.id, async () => {
          await chats.get(message.chat)?.dispose();
          chats.delete(message.chat);
        });
        break;
      case 'dispose':
        await settle(message.id, async () => {
          await Promise.all([...chats.values()].map((chat) => chat.dispose()));
          await ready.dispose();
        });
        stop();
        break;
    }
  };
  const stop = listen(
    port,
    (received) => {
      const message = unsealed<ToEngine>(received);
      if (message) void handle(message);
    },
    () => void close(),
  );
  return { close };
}
