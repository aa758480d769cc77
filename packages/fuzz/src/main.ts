/** `npm run fuzz -- --seeds 0-5000`. */
import { availableParallelism } from 'node:os';
import { InvalidArgumentError, program } from 'commander';
import { runSeeds } from './pool.js';
import { Tally } from './tally.js';

program
  .name('fuzz')
  .description(
    'Prunes decoders that were changed at random, and holds them against their originals.',
  )
  .option('--seeds <from-to>', 'the first seed and the one after the last', range, [0, 200])
  .option('--kept', 'changes that leave the answers alone: the same tokens have to be kept')
  .option('--jobs <count>', 'processes', jobCount, availableParallelism())
  .action(run)
  .parseAsync();

interface Options {
  readonly seeds: [number, number];
  readonly jobs: number;
  readonly kept?: true;
}

async function run({ seeds, jobs, kept }: Options): Promise<void> {
  const [from, to] = seeds;
  const tally = new Tally();
  const all = Array.from({ length: to - from }, (_, at) => from + at);
  await runSeeds(all, {
    jobs,
    search: kept ? 'kept' : 'answers',
    onOutcome(outcome) {
      tally.add(outcome);
      if (Tally.isFault(outcome)) console.log(Tally.describe(outcome));
      if (tally.total % 100 === 0) console.log(`${tally.total} of ${all.length}: ${tally}`);
    },
  });
  console.log(`${tally}`);
  if (tally.faults > 0) process.exitCode = 1;
}

function jobCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('expected a whole number from 1 on');
}

function range(text: string): [number, number] {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (from === undefined || Number(to) <= Number(from)) {
    throw new InvalidArgumentError('expected two numbers in rising order, such as 0-5000');
  }
  return [Number(from), Number(to)];
}
