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
  const { words, typed, given } = atEqualsSigns(before, current);
  const found = allCandidates(program, words, typed);
  return found
    ?.filter(({ name }) => name.startsWith(typed))
    .map((each) => ({ ...each, name: `${given}${each.name}` }));
}

/**
 * `--preset=tra` as an option and the beginning of its value: one word as a rule, three where bash itself splits at
 * equals signs.
 *
 * @returns `given`, which stands in front of each candidate
 */
function atEqualsSigns(before: readonly string[], current: string) {
  const [, option, value] = /^(--[^=]+)=(.*)$/s.exec(current) ?? [];
  if (option !== undefined && value !== undefined) {
    return { words: [...before, option], typed: value, given: `${option}=` };
  }
  const words = before.filter((word, at) => word !== '=' || !before[at - 1]?.startsWith('--'));
  return { words, typed: current === '=' ? '' : current, given: '' };
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
