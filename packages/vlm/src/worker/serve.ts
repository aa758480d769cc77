import { conversationIsOver } from '../engine/conversation.js';
import type { Chat, Engine } from '../engine/engine.js';
import type { EngineEvent } from '../engine/events.js';
import type { EngineRequest } from '../engine/request.js';
import { type EnginePort, listen } from './port.js';
import { type FromEngine, plainError, sealed, type ToEngine, unsealed } from './protocol.js';

/** An engine that is served. */
export interface ServedEngine {
  /** Aborts what this port asked for; who asks later is told that it is over. The engine goes on. */
  close(): Promise<void>;
}

/** One of those who ask through a port; its numbers are its own. */
interface Client {
  readonly name: string;
  readonly running: Map<number, AbortController>;
  readonly chats: Map<number, Chat>;
}

/** Ports that nothing is served at any more, with what ends telling so. */
const closed = new WeakMap<EnginePort, () => void>();

/**
 * Answers what comes through a port, in a worker mostly. What the other end asked for is aborted when it is
 * gone; the engine is disposed when one of those at the other end says so.
 *
 * @param engine may be one that is still being opened; the other end is told if that fails
 */
export function serveEngine(port: EnginePort, engine: Engine | Promise<Engine>): ServedEngine {
  closed.get(port)?.();
  closed.delete(port);
  const clients = new Map<string, Client>();
  /** Answers that are on their way. */
  const answers = new Set<Promise<void>>();
  const opened = Promise.resolve(engine);
  const send = ({ name }: Pick<Client, 'name'>, message: FromEngine) =>
    port.postMessage(sealed(name, message));

  const clientOf = (name: string): Client => {
    const known = clients.get(name) ?? { name, running: new Map(), chats: new Map() };
    clients.set(name, known);
    return known;
  };
  const answer = async (
    client: Client,
    id: number,
    ask: (signal: AbortSignal) => AsyncIterable<EngineEvent>,
  ) => {
    const { signal } = client.running.get(id) ?? new AbortController();
    const answered = settle(client, id, async () => {
      for await (const event of ask(signal)) send(client, { type: 'event', id, event });
    });
    answers.add(answered);
    await answered;
    answers.delete(answered);
    client.running.delete(id);
  };
  const settle = async (client: Client, id: number, work: () => Promise<void>) => {
    try {
      await work();
      send(client, { type: 'end', id });
    } catch (error) {
      send(client, { type: 'error', id, error: plainError(error) });
    }
  };
  const endChats = async () => {
    const chats = [...clients.values()].flatMap((client) => [...client.chats.values()]);
    await Promise.all(chats.map((chat) => chat.dispose()));
  };
  /** Whoever comes late is told so, and does not wait for an answer. */
  const over = () => {
    stop();
    if (closed.has(port)) return;
    const stopAnswering = listen(
      port,
      (received) => {
        const late = unsealed<ToEngine>(received);
        if (late) send({ name: late.client }, { type: 'disposed' });
      },
      () => {},
    );
    closed.set(port, stopAnswering);
    port.unref?.();
  };
  const close = async () => {
    over();
    for (const { running } of clients.values()) {
      for (const controller of running.values()) controller.abort();
    }
    await endChats();
    clients.clear();
  };
  const handle = async (client: Client, message: ToEngine): Promise<void> => {
    const { running, chats } = client;
    if (message.type === 'abort') return running.get(message.id)?.abort();
    // At once, for an abort may come while the engine is still being opened.
    if (message.type === 'generate' || message.type === 'ask')
      running.set(message.id, new AbortController());
    let ready: Engine;
    try {
      ready = await opened;
    } catch (error) {
      if (message.type === 'hello') send(client, { type: 'refused', error: plainError(error) });
      return;
    }
    switch (message.type) {
      case 'hello': {
        const { modelType, imageTokenId, device } = ready;
        send(client, { type: 'ready', facts: { modelType, imageTokenId, device } });
        break;
      }
      case 'generate':
        await answer(client, message.id, (signal) =>
          ready.generate({ ...message.request, signal } as EngineRequest),
        );
        break;
      case 'chat':
        chats.set(message.chat, ready.chat(message.options));
        break;
      case 'ask':
        await answer(client, message.id, (signal) => {
          const chat = chats.get(message.chat);
          if (!chat) throw conversationIsOver();
          return chat.ask({ ...message.turn, signal });
        });
        break;
      case 'leave':
        await settle(client, message.id, async () => {
          await chats.get(message.chat)?.dispose();
          chats.delete(message.chat);
        });
        break;
      case 'dispose':
        await settle(client, message.id, async () => {
          await endChats();
          await ready.dispose();
          await Promise.all(answers);
        });
        over();
        for (const each of clients.values()) send(each, { type: 'disposed' });
        break;
    }
  };
  const stop = listen(
    port,
    (received) => {
      const found = unsealed<ToEngine>(received);
      if (found) void handle(clientOf(found.client), found.message);
    },
    () => void close(),
  );
  return { close };
}
