/** Where the verification opens graphs and plays conversations on them. */
import type { NDArray } from '@transprune/core';
import type { Decoder } from '@transprune/onnx';
import type { Backend, ModelSource, Session } from '@transprune/session';
import { openSession } from '@transprune/session';
import { type Answer, type Calls, type PlayOptions, playCalls, playJoined } from './play.js';
import type { RowCall } from './prompt.js';

export interface Workbench {
  /** The device that the first graph was opened on. */
  device(): string;
  /** Opens a graph for as long as it is used. */
  open<T>(source: ModelSource, use: (session: Session) => Promise<T>): Promise<T>;
  /** Plays a conversation from its start. */
  play(
    session: Session,
    calls: Calls,
    keepRatios: readonly number[],
    options?: PlayOptions,
  ): Promise<Answer[]>;
  /** Plays conversations whose first call is alone, and the others side by side. */
  playJoined(
    session: Session,
    conversations: readonly (readonly RowCall[])[],
    keepRatios: readonly number[],
  ): Promise<NDArray[]>;
}

/** @param decoder the original's structure */
export function createWorkbench(backend: Backend, device: string, decoder: Decoder): Workbench {
  let chosen = device;
  return {
    device: () => chosen,
    async open(source, use) {
      const session = await openSession(backend, source, chosen);
      // `auto` is decided once: graphs on different devices are no comparison.
      chosen = session.device;
      try {
        return await use(session);
      } finally {
        await session.dispose();
      }
    },
    play: (session, calls, keepRatios, options) =>
      playCalls(session, decoder, calls, keepRatios, options),
    playJoined: (session, conversations, keepRatios) =>
      playJoined(session, decoder, conversations, keepRatios),
  };
}

/** Calls with a single row. */
export function alone(calls: readonly RowCall[]): Calls {
  return calls.map((call) => [call]);
}
