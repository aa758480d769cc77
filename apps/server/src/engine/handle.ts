import type { OpenedEngine } from './open.js';

/** An engine somewhere that may die by itself, and can be ended. */
export interface EngineHandle extends OpenedEngine {
  /** Settles when it is gone, for whatever reason. */
  readonly gone: Promise<void>;
  readonly isGone: boolean;
  /** Ends it in order; what it still computes is aborted. */
  stop(): Promise<void>;
  /** Ends it at once. */
  kill(): void;
}

/**
 * Starts an engine.
 *
 * @param signal aborted when it is not needed any more, started or not
 */
export type StartEngine = (signal: AbortSignal) => Promise<EngineHandle>;
