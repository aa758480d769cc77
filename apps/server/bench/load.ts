/**
 * Twice as many clients as there are places: `pnpm --filter @transprune/server load [seconds]`. The server is the one
 * that was built, in this process, with an engine and a decoder of pictures in processes of their own.
 */
import { createServer } from '@transprune/server';
import pino from 'pino';
import { load } from './clients.js';
import { residentMebibytes } from './memory.js';
import { sampleQuestions } from './questions.js';

const [seconds = '120'] = process.argv.slice(2);
const server = createServer({
  limits: { active: 8, waiting: 8 },
  log: pino({ level: 'error' }, pino.destination(2)),
});
const url = await server.listen();
const memory: Record<string, number>[] = [];
const timer = setInterval(() => memory.push(residentMebibytes()), (Number(seconds) * 1000) / 8);
const report = await load({
  url,
  model: 'transprune-embedded',
  clients: 32,
  seconds: Number(seconds),
  questions: sampleQuestions(),
});
clearInterval(timer);
await server.close();
console.log(JSON.stringify({ ...report, memoryMiB: memory }, null, 2));
