import type { Command } from 'commander';
import type { Io, TextSink } from './io.js';
import { type Block, draw } from './show/table.js';

/** Options that every command has. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Adds `--json`, `--quiet` and `--verbose`. */
export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON document on stdout')
    .option('-q, --quiet', 'no progress on stderr')
    .option('-v, --verbose', 'more detail on stderr, and where an error came from');
}

/** How a command talks: data to stdout, all else to stderr. */
export interface Terminal {
  /** A command's result: `document` with `--json`, otherwise what is to be shown. */
  result(document: unknown, show: () => readonly Block[]): void;
  /** A part of what is shown, before the result; silent with `--json`. */
  show(blocks: readonly Block[]): void;
  /** Part of an answer as it comes; silent with `--json`. */
  stream(text: string): void;
  /** What is being done; silenced by `--quiet`. */
  info(text: string): void;
  /** How far something is that takes long: one line that is written over, on terminals alone. */
  progress(text: string): void;
  /** The same where `progress` shows nothing, such as in a log: a line of its own; silenced by `--quiet`. */
  milestone(text: string): void;
  /** What only `--verbose` shows. */
  detail(text: string): void;
  /** What the user should know although the command goes on; never silenced. */
  warn(text: string): void;
  /** What an error that follows is about; never silenced. */
  explain(blocks: readonly Block[]): void;
}

export function createTerminal({ stdout, stderr, env }: Io, options: OutputOptions): Terminal {
  const color = useColor(stderr.isTTY, env);
  let unfinished = false;
  const erase = () => {
    if (unfinished) stderr.write(eraseLine);
    unfinished = false;
  };
  const line = (text: string) => {
    erase();
    stderr.write(`${text}\n`);
  };
  const shown = !options.quiet;
  const stream = (text: string) => {
    if (options.json) return;
    erase();
    stdout.write(text);
  };
  const show = (blocks: readonly Block[]) => stream(`${draw(blocks, columnsOf(stdout, env))}\n`);
  return {
    result(document, blocks) {
      if (!options.json) return show(blocks());
      erase();
      stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    },
    show,
    stream,
    info: (text) => shown && line(text),
    progress(text) {
      if (!shown || !stderr.isTTY) return;
      // A line that is wrapped could not be erased.
      const columns = (columnsOf(stderr, env) ?? Number.POSITIVE_INFINITY) - 1;
      stderr.write(`${eraseLine}${text.slice(0, columns)}`);
      unfinished = text !== '';
    },
    milestone: (text) => shown && !stderr.isTTY && line(text),
    detail: (text) => shown && options.verbose && line(text),
    warn: (text) => line(`${color ? yellow('warning:') : 'warning:'} ${text}`),
    explain: (blocks) => line(draw(blocks, columnsOf(stderr, env))),
  };
}

/** Characters in a line: as `COLUMNS` says, or as wide as the terminal is; undefined for a file. */
function columnsOf({ isTTY, columns }: TextSink, env: Io['env']): number | undefined {
  const said = Number(env.COLUMNS);
  if (Number.isSafeInteger(said) && said > 0) return said;
  return isTTY ? columns : undefined;
}

/** True if a stream shows colors, and the user has not turned them off (https://no-color.org). */
export function useColor(isTerminal: boolean | undefined, env: Io['env']): boolean {
  return isTerminal === true && !env.NO_COLOR && env.TERM !== 'dumb';
}

/** Back to the start of the line, which is emptied. */
const eraseLine = '\r\u001b[2K';

const yellow = (text: string) => `\u001b[33m${text}\u001b[39m`;

export const red = (text: string) => `\u001b[31m${text}\u001b[39m`;
