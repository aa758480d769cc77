/** `serve` on the command line: of this package's own program, and of `transprune`. */
import { readFileSync } from 'node:fs';
import type { NodeDevice } from '@transprune/backend-node';
import { presetNames, TransPruneError } from '@transprune/core';
import { type ModelDescriptor, type NumberFormat, numberFormats } from '@transprune/files';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ServerOptions } from '../options.js';
import { suggestChoices } from './choices.js';

export { suggestChoices };

/** Where a command prints, and what ends it. */
export interface Surroundings {
  readonly stdout: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when the program is told to end. */
  readonly signal: AbortSignal;
  /** Is given what the program has to wait for when it is told to end. */
  readonly finish?: (work: Promise<void>) => Promise<void>;
}

interface Options {
  readonly model?: string;
  readonly revision?: string;
  readonly format?: NumberFormat;
  readonly offline?: boolean;
  readonly name?: string;
  readonly host: string;
  readonly port: number;
  readonly preset?: string;
  readonly device?: string;
  readonly engines: number;
  readonly threads?: number;
  readonly visionCache: number;
  readonly imageHost: readonly string[];
  readonly apiKeys?: string;
  readonly limit: Readonly<Record<string, number>>;
  readonly logLevel: string;
  readonly logContent?: boolean;
}

const mebibyte = 1024 * 1024;

const devices = ['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const satisfies readonly (
  | NodeDevice
  | 'auto'
)[];

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/**
 * Adds the command, which runs until it is told to end.
 *
 * @throws TransPruneError and commander's errors, when it runs
 */
export function addServeCommand(program: Command, surroundings: Surroundings): Command {
  const command = program
    .command('serve')
    .description("Serve a model behind OpenAI's API, its decoder pruned.")
    .option(
      '--model <folder or owner/name>',
      'model (default: TRANSPRUNE_MODEL, or the small one that comes along)',
    )
    .option('--revision <name>', 'branch, tag or commit of a model on the hub (default: main)')
    .addOption(
      new Option(
        '--format <name>',
        "of the decoder's weights (default: the nearest to float32 that there is)",
      ).choices(numberFormats),
    )
    .option('--offline', 'ask nothing of the network for the model, as HF_HUB_OFFLINE=1 does')
    .option('--name <name>', 'what clients call the model')
    .option('--host <address>', 'address to listen at', '127.0.0.1')
    .option('--port <number>', 'port to listen at, 0 for any that is free', count(0, 65_535), 8080)
    .addOption(
      new Option('--preset <name>', 'what is kept unless a request says otherwise').choices(
        presetNames,
      ),
    )
    .addOption(new Option('--device <name>', 'device of the backend').choices(devices))
    .option('--engines <count>', 'processes with a copy of the model each', count(1), 1)
    .option('--threads <count>', 'threads of an engine', count(1))
    .option('--vision-cache <MiB>', 'image features that each engine keeps', count(0), 256)
    .option(
      '--image-host <host>',
      'host that pictures are fetched from; may be repeated',
      append,
      [],
    )
    .option('--api-keys <file>', 'keys, a line each (or TRANSPRUNE_API_KEYS, by commas)')
    .option('--limit <name=value>', 'a limit that /version names; may be repeated', limit, {})
    .addOption(
      new Option('--log-level <level>', 'the least that is logged')
        .choices(logLevels)
        .default('info'),
    )
    .option('--log-content', 'log prompts and answers too')
    .action((options: Options) => {
      const { finish = (work) => work } = surroundings;
      return finish(serve(options, surroundings));
    });
  suggestChoices(command);
  return command;
}

async function serve(options: Options, { stdout, env, signal }: Surroundings): Promise<void> {
  const [{ createServer }, { pino }] = await Promise.all([import('../index.js'), import('pino')]);
  const log = pino({ level: options.logLevel }, pino.destination(2));
  const server = createServer({ ...(await serverOptions(options, env)), log });
  // Also ends a server that still loads its model. An error of it is told below.
  const ended = new Promise((resolve) => signal.addEventListener('abort', resolve));
  void ended.then(() => server.close()).catch(() => {});
  if (signal.aborted) return;
  try {
    const url = await server.listen(options.port, options.host);
    stdout.write(`${url}\n`);
    await ended;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await server.close();
  }
}

async function serverOptions(options: Options, env: Surroundings['env']): Promise<ServerOptions> {
  const { offline, name, preset, device, engines, threads, imageHost, limit, logContent } = options;
  return {
    model: await descriptor(options, env),
    offline,
    modelName: name,
    preset,
    device,
    engines,
    threads,
    visionCacheBytes: options.visionCache * mebibyte,
    imageHosts: imageHost,
    apiKeys: apiKeys(options.apiKeys, env.TRANSPRUNE_API_KEYS),
    limits: limit,
    logContent,
  };
}

/** @throws TransPruneError as `namedPlace` does */
async function descriptor(
  { model, revision, format }: Options,
  env: Surroundings['env'],
): Promise<ModelDescriptor> {
  const [{ namedPlace, placeOf }, { modelDirectory }] = await Promise.all([
    import('@transprune/files/node'),
    import('@transprune/embedded-model'),
  ]);
  const named = await namedPlace(model, revision, env);
  const place = named ?? (await placeOf(modelDirectory, revision));
  const chosen = format && { format };
  if ('hub' in place) return { hub: place.hub, ...(revision && { revision }), ...chosen };
  // Of a file in place of a folder opening it says so.
  return { folder: 'folder' in place ? place.folder : place.file, ...chosen };
}

/** @throws TransPruneError INVALID_ARGUMENT for a file that cannot be read, or has no key */
function apiKeys(file: string | undefined, text: string | undefined): string[] {
  const keysIn = (from: string) => from.split(/[\s,]+/).filter(Boolean);
  if (file === undefined) return keysIn(text ?? '');
  const refusal = (why: string, options?: ErrorOptions) =>
    new TransPruneError(
      'INVALID_ARGUMENT',
      `expected --api-keys to name a file with a key a line, got ${file}, which ${why}`,
      { option: '--api-keys', path: file },
      options,
    );
  let keys: string[];
  try {
    keys = keysIn(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw refusal(`cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  if (keys.length === 0) throw refusal('has none');
  return keys;
}

function count(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };
}

function append(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

/** What limits there are, and what they may be, is checked by the server. */
function limit(text: string, earlier: Options['limit']): Options['limit'] {
  const [, name, value] = /^(\w+)=(\d+)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('Expected a limit such as images=4.');
  return { ...earlier, [name]: Number(value) };
}
