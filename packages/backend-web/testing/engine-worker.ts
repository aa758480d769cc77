/** A worker with an engine. */
import { openEngine, serveEngine } from '@transprune/vlm';
import { webBackend } from '../src/index.js';

addEventListener('message', ({ data }) => {
  if (!data.open) return;
  serveEngine(data.port, openEngine({ ...data.open, backend: webBackend }));
});
