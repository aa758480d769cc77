/** For those who only use an engine elsewhere: what connects to it, without what it is made of. */
export { connectEngine } from './worker/connect.js';
export type { EnginePort } from './worker/port.js';
