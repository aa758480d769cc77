/** What an error says on the command line. */
import { TransPruneError } from '@transprune/core';
import { isSystemError, reasonOf } from '@transprune/files/node';
import type { Command } from 'commander';

/** What an error says, without the word that is written in front of all of them and that commander's begin with. */
export function messageOf(error: unknown): string {
  // Of a file that nobody thought of.
  if (isSystemError(error) && error.path !== undefined) {
    return `expected to use ${error.path}, got ${reasonOf(error)}; check the path and what lies there`;
  }
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^error: /i, '');
}

/** What the libraries tell programs to do, and what a user of the command line does. */
const remedies = [
  ["replace it (ifExists: 'replace')", 'replace it with --force'],
  ['; pass imageTokenId', '; add image_token_id to it'],
] as const;

/** Options of fields that are called otherwise, or are words of the language: those an error has to name as its own. */
const optionsOfFields: Readonly<Record<string, string>> = {
  accumulateLayers: '--accumulate',
  accumulation: '--accumulation',
  direction: '--direction',
  speedup: '--speedup',
  tflops: '--budget-tflops',
};

/** What an error of the libraries says, which know the fields of their calls, with the options of this program. */
export function withOptions(error: unknown, program: Command): string {
  const message = remedies.reduce(
    (text, [field, option]) => text.replace(field, option),
    messageOf(error),
  );
  const own = TransPruneError.isInstance(error) ? `${error.data.field}` : '';
  const option = Object.hasOwn(optionsOfFields, own) ? optionsOfFields[own] : undefined;
  const named = option === undefined ? message : message.replace(words(own, ''), option);
  // Others are named besides.
  const options = withCommands(program).flatMap((command) => [...command.options]);
  const byField = new Map(options.map((option) => [option.attributeName(), option.long]));
  const fields = words('[a-z]+(?:[A-Z][a-z]+)+', 'g');
  return named.replace(fields, (field) => byField.get(field) ?? field);
}

/** Words alone, not parts of paths. */
const words = (pattern: string, flags: string) =>
  new RegExp(`(?<![\\w/\\\\.-])${pattern}(?![\\w/\\\\-]|\\.\\w)`, flags);

/** A command and all below it. */
const withCommands = (command: Command): Command[] => [
  command,
  ...command.commands.flatMap(withCommands),
];
