/** A thread with an engine. */
import { parentPort, workerData } from 'node:worker_threads';
import { createNodeBackend } from '@transprune/backend-node';
import { openModel } from '@transprune/files/node';
import { openEngine, serveEngine } from '../src/index.js';

if (!parentPort) throw new Error('expected to be a worker');
const backend = createNodeBackend({ threads: 1 });
serveEngine(parentPort, openEngine({ ...workerData, backend, open: openModel }));
