import type { EngineEvent } from './events.js';
import type { ChatOptions, ChatTurn, EngineRequest } from './request.js';

/** Answers requests about images; the same in this thread and across to a worker. */
export interface Engine {
  readonly modelType: string;
  readonly imageTokenId: number;
  /** The device that the decoder runs on. */
  readonly device: string;
  /**
   * Answers a request, which is queued at once. Ends with a `finish` event, or throws; leaving the loop
   * aborts it.
   *
   * @throws TransPruneError when the events are read: BUSY if too many requests wait, NOT_FOUND or
   *   INVALID_IMAGE for an image, INVALID_ARGUMENT for options, for ratios that the decoder can't take or a
   *   prompt whose placeholders don't match the images, INVALID_MODEL if image tokens and image features
   *   differ, RUN_FAILED if a graph fails
   */
  generate(request: EngineRequest): AsyncIterable<EngineEvent>;
  /** Starts a conversation. */
  chat(options?: ChatOptions): Chat;
  /** Aborts what is running and waiting, and frees the conversations and what the engine opened. */
  dispose(): Promise<void>;
}

/**
 * A conversation that keeps the decoder's caches: each turn runs its own tokens alone. What was pruned
 * in a turn stays pruned, so a later question is answered from what an earlier one left of its images.
 */
export interface Chat {
  /**
   * Asks, on top of all turns before; turns are answered one after the other. The prompt's facts are about the
   * tokens that this turn runs: the last one of the answer before, then what the question adds. A turn that
   * fails or is aborted leaves the conversation as it was.
   *
   * @throws TransPruneError as `generate` does, UNSUPPORTED_MODEL for a chat template that leaves out earlier
   *   answers
   */
  ask(turn: ChatTurn): AsyncIterable<EngineEvent>;
  /** Aborts the turn that is running, if there is one, and frees the caches. */
  dispose(): Promise<void>;
}
