import { Argument, type Command } from 'commander';
import { type Candidate, candidates } from '../completion/candidates.js';
import { example } from '../help.js';
import type { Io } from '../io.js';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

/** Adds `completion`, and the hidden command that its scripts call at each Tab. */
export function addCompletionCommand(program: Command, io: Io): void {
  program
    .command('completion')
    .description('Print a script that completes commands, options and their values in a shell.')
    .addArgument(new Argument('<shell>', 'which one').choices(shells))
    .addHelpText(
      'after',
      example(
        'source <(transprune completion bash)   # in ~/.bashrc',
        'source <(transprune completion zsh)    # in ~/.zshrc, after compinit',
        'transprune completion fish | source    # in ~/.config/fish/config.fish',
      ),
    )
    .action(async (shell: Shell) => {
      const { default: tabtab } = await import('@pnpm/tabtab');
      const name = program.name();
      io.stdout.write(`${await tabtab.getCompletionScript({ name, completer: name, shell })}\n`);
    });
  program
    .command('completion-server', { hidden: true })
    .helpOption(false)
    .allowUnknownOption()
    .argument('[words...]')
    .action((words: string[]) => answer(program, words, io));
}

/** Answers a script of the library, which says in the environment where the cursor is. */
async function answer(program: Command, words: readonly string[], io: Io): Promise<void> {
  const { default: tabtab } = await import('@pnpm/tabtab');
  const shell = tabtab.getShellFromEnv(io.env) as Shell;
  const found = completers[shell](program, words, io);
  // The library would leave out for bash what doesn't begin as the line's last word, equals sign and all.
  if (found && shell === 'bash') for (const { name } of found) io.stdout.write(`${name}\n`);
  else if (found) tabtab.log(found, shell, (line) => io.stdout.write(`${line}\n`));
  // Bash goes on with paths by itself where it is given nothing.
  else if (shell !== 'bash') io.stdout.write(`${pathsPlease}\n`);
}

/** What the library's scripts take for a wish for paths. */
const pathsPlease = '__tabtab_complete_files__';

const completers = { bash: inBash, zsh: atCursor, fish: inFish } as const;

/** bash replaces what follows an equals sign, the others the whole word. */
function inBash(program: Command, words: readonly string[], io: Io) {
  return atCursor(program, words, io)?.map(({ name, description }) => ({
    name: name.replace(/^--[^=]+=/, ''),
    description,
  }));
}

function atCursor(program: Command, words: readonly string[], { env }: Io) {
  const at = Number(env.COMP_CWORD ?? words.length);
  return candidates(program, words.slice(0, at), words[at] ?? '');
}

/** fish doesn't tell whether the last word is complete, but leaves out what doesn't begin as it. */
function inFish(program: Command, words: readonly string[]): Candidate[] | undefined {
  const next = candidates(program, words, '');
  const same = candidates(program, words.slice(0, -1), words.at(-1) ?? '');
  return next || same ? [...(next ?? []), ...(same ?? [])] : undefined;
}
