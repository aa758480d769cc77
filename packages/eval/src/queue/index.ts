/** A benchmark on many machines: questions go through a queue in Redis (BullMQ), workers take them from there. */
export { openQueue, type QueueAnswerer, type QueueOptions } from './queue-answerer.js';
export { runWorker, type WorkAnswerer, type WorkerOptions } from './worker.js';
