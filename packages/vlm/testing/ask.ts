import {
  type Chat,
  type ChatTurn,
  collect,
  type Engine,
  type EngineRequest,
} from '../src/index.js';

/** The whole answer to a request. */
export const answer = (engine: Engine, request: EngineRequest) => collect(engine.generate(request));

/** The whole answer to a turn. */
export const reply = (chat: Chat, turn: ChatTurn) => collect(chat.ask(turn));
