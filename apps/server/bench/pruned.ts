/**
 * Requests per second with pruning, over those without: `pnpm --filter @transprune/server pruned [rounds] [preset]
 * [answer tokens]`. Two servers with a model of SmolVLM-256M's shape, one unpruned, at equal settings; the rounds of
 * both alternate, while the other one is idle. Takes 4 GiB of memory and 0.9 GB of temporary files.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { samplesDirectory } from '@transprune/embedded-model';
import { createServer } from '@transprune/server';
import pino from 'pino';
import { ask } from './ask.js';
import { median } from './median.js';
import { imageTokens, writeSyntheticModel } from './synthetic-model.js';

const [rounds = '5', preset = 'transprune-high', answerTokens = '16'] = process.argv.slice(2);
const clients = 4;
const requestsOfRound = 8;
const modelName = 'synthetic';

const bytes = readFileSync(join(samplesDirectory, 'scene-1.png')).toString('base64');
const question = {
  text: 'what color is the heart?',
  images: [`data:image/png;base64,${bytes}`],
  maxTokens: Number(answerTokens),
};

async function requestsPerSecond(url: string, requests = requestsOfRound): Promise<number> {
  const since = performance.now();
  let left = requests;
  const client = async () => {
    while (left-- > 0) {
      const outcome = await ask(url, modelName, question);
      if (!('tokens' in outcome)) throw new Error(`expected an answer, got ${outcome.status}`);
      // Another length would be other work.
      if (outcome.tokens !== question.maxTokens) {
        throw new Error(`expected ${question.maxTokens} tokens, got ${outcome.tokens}`);
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return (requests * 1000) / (performance.now() - since);
}

const folder = mkdtempSync(join(tmpdir(), 'transprune-'));
const serverOf = (preset: string) =>
  createServer({
    ...{ model: { folder }, modelName, preset },
    limits: { timeToFirstTokenMs: 600_000, totalMs: 600_000 },
    log: pino({ level: 'error' }, pino.destination(2)),
  });
const servers = { unpruned: serverOf('none'), pruned: serverOf(preset) };
try {
  writeSyntheticModel(folder);
  const urls = { unpruned: await servers.unpruned.listen(), pruned: await servers.pruned.listen() };
  for (const url of Object.values(urls)) await requestsPerSecond(url, 1);
  const measured = { unpruned: [] as number[], pruned: [] as number[] };
  for (let round = 0; round < Number(rounds); round++) {
    for (const each of ['unpruned', 'pruned'] as const) {
      measured[each].push(await requestsPerSecond(urls[each]));
    }
  }
  const ratios = measured.pruned.map((value, round) => value / (measured.unpruned[round] ?? 0));
  console.log(
    `${imageTokens} image tokens, ${answerTokens} tokens answered, ${clients} clients, ${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)}: ` +
      `${preset} ${median(measured.pruned).toFixed(2)} requests/s, unpruned ${median(measured.unpruned).toFixed(2)}: ${median(ratios).toFixed(2)} x`,
  );
} finally {
  await Promise.all(Object.values(servers).map((server) => server.close()));
  rmSync(folder, { recursive: true });
}
