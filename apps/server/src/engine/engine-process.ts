/** The program of an engine's process: opens the model that it was told, and answers through its channel. */
import { type EnginePort, serveEngine } from '@transprune/vlm';
import { downloadNotices } from './download.js';
import type { EngineSettings } from './model-facts.js';
import { openServed } from './open.js';

const settings = JSON.parse(process.argv[2] ?? '{}') as EngineSettings;

// An interruption on the terminal reaches all processes; the server says when this one ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
// Also when the server was killed. Nothing of this process is worth an orderly end.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

// Who is gone gets no answer.
const send = (message: unknown) => process.send?.(message, undefined, undefined, () => {});
const port: EnginePort = {
  postMessage: send,
  on: (type, listener) => process.on(type as 'message', listener),
  off: (type, listener) => process.off(type as 'message', listener),
};
const opened = openServed(
  settings,
  downloadNotices((download) => send({ download })),
);
opened.then(
  ({ facts }) => send({ type: 'facts', facts }),
  // Whoever connects is told why.
  () => {},
);
serveEngine(
  port,
  opened.then(({ engine }) => engine),
);
