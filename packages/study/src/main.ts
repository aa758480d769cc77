/** `npm run study`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError, program } from 'commander';
import { conduct } from './conduct.js';
import { quick, whole } from './study.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Where the user is; npm and pnpm run scripts elsewhere. */
const startedIn = process.env.INIT_CWD ?? process.cwd();

program
  .name('study')
  .description(
    'Asks the embedded model the held-out questions under every method at equal cost, and writes what came out. A run that was ended is gone on with by the same command.',
  )
  .option('--quick', 'a few questions of everything, to see that it runs')
  .option('--questions <count>', 'that every method is asked, at most', count)
  .option('--answers <folder>', 'where answers are kept', join(root, 'node_modules/.study'))
  .option(
    '--to <file>',
    'the document; its figure goes to figures/ beside it. Left out: docs/study.md, with --quick the folder of the answers',
  )
  .option('--threads <count>', 'that answers are computed on', count, availableParallelism())
  .action(run)
  .parseAsync()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });

interface Options {
  readonly quick?: boolean;
  readonly questions?: number;
  readonly answers: string;
  readonly to?: string;
  readonly threads: number;
}

async function run({ answers, to, threads, quick: isQuick, ...given }: Options): Promise<void> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('ended; the same command goes on')));
  const began = performance.now();
  const folder = resolve(startedIn, answers);
  const page = isQuick ? join(folder, 'study.md') : join(root, 'docs/study.md');
  const target = to === undefined ? page : resolve(startedIn, to);
  const extent = { ...(isQuick ? quick : whole), ...given };
  const { document, figures } = await conduct({
    ...{ extent, threads, folder, signal: stop.signal },
    onBegin(what) {
      const minutes = (performance.now() - began) / 60_000;
      console.error(`${minutes.toFixed(1)} min  ${what}`);
    },
  });
  await mkdir(join(dirname(target), 'figures'), { recursive: true });
  for (const { name, svg } of figures) {
    await writeFile(join(dirname(target), 'figures', `study-${name}.svg`), `${svg}\n`);
  }
  await writeFile(target, document);
  console.error(`wrote ${target} after ${((performance.now() - began) / 60_000).toFixed(1)} min`);
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('expected a whole number from 1 on');
}
