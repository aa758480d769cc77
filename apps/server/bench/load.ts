/**
 * Twice as many clients as there are places: `pnpm --filter @transprune/server load [seconds] [leave every]`. With a
 * second number each so many-th request is left by its client at some point. The server is the one
 * that was built, in this process, with an engine and a decoder of pictures in processes of their own; the clients are
 * in it too.
 */
import { availableParallelism, loadavg } from 'node:os';
import { createServer } from '@transprune/server';
import pino from 'pino';
import { load } from './clients.js';
import { residentMebibytes } from './memory.js';
import { sampleQuestions } from './questions.js';

const [seconds = '120', leaveEvery] = process.argv.slice(2);
const server = createServer({
  limits: { active: 8, waiting: 8 },
  log: pino({ level: 'error' }, pino.destination(2)),
});
const url = await server.listen();
const memory: Record<string, number>[] = [];
const timer = setInterval(() => memory.push(residentMebibytes()), 1000);
const report = await load({
  url,
  model: 'transprune-embedded',
  clients: 32,
  seconds: Number(seconds),
  questions: sampleQuestions(),
  ...(leaveEvery !== undefined && { leaveEvery: Number(leaveEvery) }),
});
clearInterval(timer);
await server.close();

const names = Object.keys(Object.assign({}, ...memory));
/** Most resident MiB of each process, in each tenth of the time. */
const residentMiB = Object.fromEntries(
  names.map((name) => {
    const tenths = Array.from({ length: 10 }, (_, tenth) => {
      const [from, to] = [tenth, tenth + 1].map((each) => (memory.length * each) / 10);
      return Math.max(...memory.slice(from, to).map((sample) => sample[name] ?? 0));
    });
    return [name, tenths];
  }),
);
const machine = { cores: availableParallelism(), load: loadavg()[0] };
console.log(JSON.stringify({ ...report, ...machine, residentMiB }));
