import { TransPruneError } from '@transprune/core';
import { type Command, Option } from 'commander';
import { wholeNumber } from './parsers.js';
import { planOptionNames } from './plan-options.js';
import { reductionOptionNames } from './reduction-options.js';

/** A server that answers in place of a model in this process. */
export interface ServerOptions {
  readonly server?: string;
  readonly serverModel?: string;
  readonly concurrency?: number;
}

/** Of a model in this process, its plan and what is before it: a server has its own. */
const ofModels = [
  ...['model', 'revision', 'format', 'offline', 'device', 'threads'],
  ...[...planOptionNames, 'seed', ...reductionOptionNames],
];

/** Adds `--server`, `--server-model` and `--concurrency`. */
export function addServerOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--server <address>',
        "ask a server that speaks OpenAI's chat completions, such as http://127.0.0.1:8080/v1; OPENAI_API_KEY is its key",
      ).conflicts(ofModels),
    )
    .option('--server-model <name>', 'with --server: the model that it is asked for')
    .option('--concurrency <count>', 'with --server: questions asked at once', wholeNumber(1));
}

/**
 * The server that is to be asked; undefined for none.
 *
 * @throws TransPruneError INVALID_ARGUMENT for options that do not go together, and for what is no address
 */
export function serverOf({
  server,
  serverModel,
  concurrency,
}: ServerOptions): { readonly baseUrl: string; readonly model: string } | undefined {
  if (server === undefined) {
    const pointless = serverModel ? '--server-model' : concurrency ? '--concurrency' : undefined;
    if (pointless) throw invalid(`expected --server with ${pointless}, got none`);
    return undefined;
  }
  if (serverModel === undefined) throw invalid('expected --server-model with --server, got none');
  if (!URL.canParse(server) || !/^https?:$/.test(new URL(server).protocol)) {
    throw invalid(
      `expected the address of a server such as http://127.0.0.1:8080/v1, got ${server}`,
    );
  }
  return { baseUrl: server, model: serverModel };
}

function invalid(message: string): TransPruneError {
  return new TransPruneError('INVALID_ARGUMENT', message);
}
