/**
 * Tokens per second of eight clients at once, over those of one after the other: `pnpm --filter @transprune/server
 * batching [rounds]`. The rounds of both alternate.
 */
import { createServer } from '@transprune/server';
import pino from 'pino';
import { ask, type Question } from './ask.js';
import { median } from './median.js';
import { sampleQuestions } from './questions.js';

const [rounds = '5'] = process.argv.slice(2);
const clients = 8;
const model = 'transprune-embedded';
const server = createServer({ log: pino({ level: 'error' }, pino.destination(2)) });
const url = await server.listen();
// Long answers, for it is decoding that is compared.
const [{ images = [] } = {}] = sampleQuestions();
const question: Question = { text: 'describe the picture', images };

async function tokensPerSecond(run: () => Promise<number>): Promise<number> {
  const since = performance.now();
  const tokens = await run();
  return (tokens * 1000) / (performance.now() - since);
}

async function tokensOf(): Promise<number> {
  const outcome = await ask(url, model, question);
  if ('tokens' in outcome) return outcome.tokens;
  throw new Error(`expected an answer, got status ${outcome.status}`);
}

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
const together = async () => sum(await Promise.all(Array.from({ length: clients }, tokensOf)));
const inTurns = async () => {
  let total = 0;
  for (let i = 0; i < clients; i++) total += await tokensOf();
  return total;
};

await together();
const measured = { together: [] as number[], inTurns: [] as number[] };
for (let round = 0; round < Number(rounds); round++) {
  measured.together.push(await tokensPerSecond(together));
  measured.inTurns.push(await tokensPerSecond(inTurns));
}
await server.close();
const [batched, alone] = [median(measured.together), median(measured.inTurns)];
console.log(
  `${clients} at once ${batched.toFixed(0)} tokens/s, one after the other ${alone.toFixed(0)}: ${(batched / alone).toFixed(2)} x`,
);
