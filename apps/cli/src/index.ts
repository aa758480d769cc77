export type { Io, TextSink } from './io.js';
export { main } from './main.js';
export { runProcess } from './process.js';
export { version } from './version.js';
