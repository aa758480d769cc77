/** What a word on the command line can be. */
import type { Command, Option } from 'commander';

export interface Candidate {
  readonly name: string;
  readonly description: string;
}

/**
 * Candidates for the word that is being typed; those that it is not the beginning of are left out.
 *
 * @param before words before it, the program's name first
 * @returns undefined for a path
 */
export function candidates(
  program: Command,
  before: readonly string[],
  current: string,
): Candidate[] | undefined {
  const found = allCandidates(program, before, current);
  return found?.filter(({ name }) => name.startsWith(current));
}

function allCandidates(
  program: Command,
  before: readonly string[],
  current: string,
): Candidate[] | undefined {
  const help = program.createHelp();
  const words = before.slice(1).filter((word) => !word.startsWith('-'));
  const named = (from: Command | undefined, word: string | undefined) =>
    from?.commands.find((each) => each.name() === word);
  const first = named(program, words[0]);
  const command = named(first, words[1]) ?? first;
  const options = help.visibleOptions(command ?? program);
  const asked = options.find(({ long, short }) => [long, short].includes(before.at(-1)));
  if (asked && takesValue(asked)) return asked.argChoices?.map(plain);
  if (current.startsWith('-')) return options.map(toCandidate);
  if (!command) {
    return help.visibleCommands(program).map((each) => ({
      name: each.name(),
      description: firstSentence(each.description()),
    }));
  }
  return command.registeredArguments.find(({ argChoices }) => argChoices)?.argChoices?.map(plain);
}

const takesValue = ({ required, optional }: Option) => required || optional;

const plain = (name: string): Candidate => ({ name, description: '' });

function toCandidate({ long, short, description }: Option): Candidate {
  return { name: long ?? short ?? '', description: firstSentence(description) };
}

const firstSentence = (text: string) => text.split(/[.;:](?: |$)/, 1)[0] ?? '';
