/**
 * Tokens per second of eight clients at once, over those of one after the other: `pnpm --filter @transprune/server
 * batching [rounds] [small | synthetic] [answer tokens] [picture | text]`. The rounds of both alternate. `small` is the tests' small model,
 * whose answers are long enough for batches. `synthetic` is a model of SmolVLM-256M's shape, see `synthetic-model.ts`;
 * it takes 2 GiB of memory and 0.9 GB of temporary files.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from '@transprune/server';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import pino from 'pino';
import { type Answered, ask, type Question } from './ask.js';
import { median } from './median.js';
import { sampleQuestions } from './questions.js';
import { writeSyntheticModel } from './synthetic-model.js';

const [rounds = '5', shape = 'small', answerTokens = '64', about = 'picture'] =
  process.argv.slice(2);
const clients = 8;
const modelName = 'batching';

/** Long answers, for it is decoding that is compared; the model may end them before. */
const [{ images = [] } = {}] = sampleQuestions(samplesDirectory);
const question: Question = {
  text: 'describe the picture',
  images: about === 'picture' ? images : [],
  maxTokens: Number(answerTokens),
};

async function answerOf(url: string): Promise<Answered> {
  const outcome = await ask(url, modelName, question);
  if ('tokens' in outcome) return outcome;
  throw new Error(`expected an answer, got status ${outcome.status}`);
}

const all = Array.from({ length: clients });
/** Answers that were decoded at the same time are a group. */
const ways: Readonly<Record<string, (url: string) => Promise<Answered[][]>>> = {
  together: async (url) => [await Promise.all(all.map(() => answerOf(url)))],
  async inTurns(url) {
    const groups: Answered[][] = [];
    for (const _ of all) groups.push([await answerOf(url)]);
    return groups;
  },
};

/** Tokens per second: of all that the requests took, and of decoding, while all answers of a group are written. */
async function rates(run: (url: string) => Promise<Answered[][]>, url: string) {
  const since = performance.now();
  const groups = await run(url);
  const seconds = (performance.now() - since) / 1000;
  const tokens = groups.flat().reduce((sum, answer) => sum + answer.tokens, 0);
  const decoding = { pieces: 0, ms: 0 };
  for (const group of groups) {
    const from = Math.max(...group.map(({ piecesAt }) => piecesAt[0] ?? 0));
    const to = Math.min(...group.map(({ piecesAt }) => piecesAt.at(-1) ?? 0));
    const isWithin = (at: number) => at > from && at <= to;
    decoding.pieces += group.flatMap(({ piecesAt }) => piecesAt.filter(isWithin)).length;
    decoding.ms += to - from;
  }
  return { all: tokens / seconds, decoding: (decoding.pieces * 1000) / decoding.ms };
}

const temporary = mkdtempSync(join(tmpdir(), 'transprune-'));
if (shape === 'synthetic') writeSyntheticModel(temporary);
const server = createServer({
  model: { folder: shape === 'synthetic' ? temporary : modelDirectory },
  modelName,
  limits: { timeToFirstTokenMs: 600_000, totalMs: 600_000 },
  log: pino({ level: 'error' }, pino.destination(2)),
});
try {
  const url = await server.listen();
  const { tokens } = await answerOf(url);
  const measured: Record<string, Awaited<ReturnType<typeof rates>>[]> = {};
  for (let round = 0; round < Number(rounds); round++) {
    for (const [way, run] of Object.entries(ways)) {
      measured[way] = [...(measured[way] ?? []), await rates(run, url)];
    }
  }
  console.log(
    `${shape}, ${about}, ${tokens} tokens answered, ${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)}, ${clients} at once and one after the other:`,
  );
  for (const what of ['decoding', 'all'] as const) {
    const [together = [], inTurns = []] = Object.values(measured).map((rounds) =>
      rounds.map((each) => each[what]),
    );
    const ratio = median(together.map((value, round) => value / (inTurns[round] ?? 0)));
    console.log(
      `${what} ${median(together).toFixed(1)} tokens/s, ${median(inTurns).toFixed(1)}: ${ratio.toFixed(2)} x`,
    );
  }
} finally {
  await server.close();
  rmSync(temporary, { recursive: true });
}
