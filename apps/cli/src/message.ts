/** What an error says on the command line. */
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
  ['(tflops from', '(--budget-tflops from'],
  ['(speedup from', '(--speedup from'],
] as const;

/** A message of the libraries, which know the fields of their calls, with the options of this program. */
export function withOptions(message: string, program: Command): string {
  const named = remedies.reduce((text, [field, option]) => text.replace(field, option), message);
  const options = withCommands(program).flatMap((command) => [...command.options]);
  const byField = new Map(options.map((option) => [option.attributeName(), option.long]));
  // Words alone, not parts of paths.
  return named.replace(
    /(?<![\w/\\.-])[a-z]+(?:[A-Z][a-z]+)+(?![\w/\\-]|\.\w)/g,
    (field) => byField.get(field) ?? field,
  );
}

/** A command and all below it. */
const withCommands = (command: Command): Command[] => [
  command,
  ...command.commands.flatMap(withCommands),
];
