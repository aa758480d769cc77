import type { Command } from 'commander';
import type { Io } from './io.js';

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
  /** A command's result: `document` with `--json`, otherwise `text`. */
  result(document: unknown, text: () => string): void;
  /** What is being done; silenced by `--quiet`. */
  info(text: string): void;
  /** How far something is that takes long: one line that is written over, on terminals alone. */
  progress(text: string): void;
  /** What only `--verbose` shows. */
  detail(text: string): void;
  /** What the user should know although the command goes on; never silenced. */
  warn(text: string): void;
  /** What an error that follows is about; never silenced. */
  explain(text: string): void;
}

export function createTerminal({ stdout, stderr, env }: Io, options: OutputOptions): Terminal {
  const color = useColor(stderr.isTTY, env);
  let unfinished = false;
  const line = (text: string) => {
    stderr.write(`${unfinished ? eraseLine : ''}${text}\n`);
    unfinished = false;
  };
  const shown = !options.quiet;
  return {
    result(document, text) {
      if (unfinished) stderr.write(eraseLine);
      unfinished = false;
      stdout.write(options.json ? `${JSON.stringify(document, null, 2)}\n` : `${text()}\n`);
    },
    info: (text) => shown && line(text),
    progress(text) {
      if (!shown || !stderr.isTTY) return;
      stderr.write(`${eraseLine}${text}`);
      unfinished = true;
    },
    detail: (text) => shown && options.verbose && line(text),
    warn: (text) => line(`${color ? yellow('warning:') : 'warning:'} ${text}`),
    explain: line,
  };
}

/** True if a stream shows colors, and the user has not turned them off (https://no-color.org). */
export function useColor(isTerminal: boolean | undefined, env: Io['env']): boolean {
  return isTerminal === true && !env.NO_COLOR && env.TERM !== 'dumb';
}

/** Back to the start of the line, which is emptied. */
const eraseLine = '\r\u001b[2K';

const yellow = (text: string) => `\u001b[33m${text}\u001b[39m`;

export const red = (text: string) => `\u001b[31m${text}\u001b[39m`;
