/** Runs seeds in processes of their own, for a runtime may crash and a surgery may hang. */
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { SeedReport, Verdict } from './seed.js';

/** What seeds look for: answers of the tokens that are kept, or which are kept. */
export type Search = 'answers' | 'kept';

/** What a process that is gone leaves: `crash` if it ended, `hang` if it was ended. */
export type Outcome = Verdict | 'crash' | 'hang';

export interface SeedOutcome extends Omit<Partial<SeedReport>, 'verdict'> {
  readonly seed: number;
  readonly verdict: Outcome;
}

/** What a child says: how a seed came out, or that the changed original begins to run or has run. */
export type FromChild = { readonly outcome: SeedReport } | { readonly runsOriginal: boolean };

/** Milliseconds that a seed may take; on a busy machine it takes some seconds. */
const hangLimit = 300_000;

export interface SearchOptions {
  /** Processes. */
  readonly jobs: number;
  readonly search?: Search;
  readonly onOutcome: (outcome: SeedOutcome) => void;
}

/** What a child is asked. */
export interface ToChild {
  readonly seed: number;
  readonly search: Search;
}

/** Runs every seed; `onOutcome` is told in the order in which they end. */
export async function runSeeds(
  seeds: Iterable<number>,
  { jobs, search = 'answers', onOutcome }: SearchOptions,
): Promise<void> {
  const left = seeds[Symbol.iterator]();
  const workers = Array.from({ length: jobs }, async () => {
    let child = start();
    for (let next = left.next(); !next.done; next = left.next()) {
      const outcome = await ask(child, { seed: next.value, search });
      onOutcome(outcome);
      if (!child.connected || child.killed) child = start();
    }
    child.kill();
  });
  await Promise.all(workers);
}

function start(): ChildProcess {
  const file = fileURLToPath(new URL('./child.ts', import.meta.url));
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const execArgv = ['--import', loader, '--conditions=@transprune/source'];
  return fork(file, { execArgv, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
}

function ask(child: ChildProcess, asked: ToChild): Promise<SeedOutcome> {
  const { seed } = asked;
  return new Promise((resolve) => {
    let runsOriginal = false;
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      end({ seed, verdict: 'hang', reason: `not done after ${hangLimit / 1000} s` });
    }, hangLimit);
    const onExit = (code: number | null, signal: string | null) => {
      const reason = `the process ended with ${signal ?? code}`;
      // Whatever the runtime makes of a graph that was changed at random is not the surgery's.
      end({ seed, verdict: runsOriginal ? 'no model' : 'crash', reason });
    };
    const onError = ({ message }: Error) => end({ seed, verdict: 'crash', reason: message });
    const onMessage = (message: FromChild) => {
      if ('outcome' in message) end(message.outcome);
      else runsOriginal = message.runsOriginal;
    };
    const end = (outcome: SeedOutcome) => {
      clearTimeout(timer);
      child.off('exit', onExit);
      child.off('message', onMessage);
      child.off('error', onError);
      resolve(outcome);
    };
    child.on('exit', onExit);
    child.on('message', onMessage);
    child.on('error', onError);
    child.send(asked);
  });
}
