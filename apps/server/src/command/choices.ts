/** Values out of a fixed choice. */
import { didYouMean } from '@transprune/core';
import { type Command, InvalidArgumentError } from 'commander';

/** Has all options and arguments of a command, and of those below it, name the choice that a wrong value is near to. */
export function suggestChoices(command: Command): void {
  for (const option of command.options) {
    if (option.argChoices) option.argParser(oneOf(option.argChoices));
  }
  for (const argument of command.registeredArguments) {
    if (argument.argChoices) argument.argParser(oneOf(argument.argChoices));
  }
  for (const each of command.commands) suggestChoices(each);
}

const oneOf = (choices: readonly string[]) => (value: string) => {
  if (choices.includes(value)) return value;
  throw new InvalidArgumentError(
    `Allowed choices are ${choices.join(', ')}${didYouMean(value, choices)}.`,
  );
};
