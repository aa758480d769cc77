/** What a line that begins with a slash asks for. */
import { presetNames } from '@transprune/core';
import { Argument, Command } from 'commander';
import type { Io } from '../io.js';
import type { Surroundings } from '../model/find.js';
import { readPicture } from '../run/inputs.js';
import type { Conversation } from './conversation.js';

/** What the conversation does after a slash command. */
export type Next = 'go on' | 'leave' | { readonly preset: string };

/**
 * Obeys a line such as `/image scene.png`.
 *
 * @param compare runs the comparison, so that it can be stopped
 * @throws CommanderError that names the nearest command, and what the command itself throws
 */
export async function obey(
  line: string,
  conversation: Conversation,
  { io, terminal }: Surroundings,
  compare: () => Promise<void>,
): Promise<Next> {
  let next: Next = 'go on';
  const program = new Command('').exitOverride().helpOption(false).helpCommand(false);
  program.configureOutput({ outputError: () => {}, writeErr: () => {} });
  program
    .command('/image')
    .description('show a picture with the next question')
    .argument('<path>', 'path or address')
    .action((path: string) => attach(path, conversation, { io, terminal }));
  program
    .command('/preset')
    .description('prune in another way; the conversation starts anew, with the same pictures')
    .addArgument(new Argument('<name>', 'published configuration').choices(presetNames))
    .action((preset: string) => {
      next = { preset };
    });
  program
    .command('/compare')
    .description('ask the last question again, unpruned and pruned side by side')
    .action(compare);
  program
    .command('/clear')
    .description('forget what was said; the pictures stay until /image shows another')
    .action(() => conversation.clear());
  program
    .command('/help')
    .description('show this list')
    .action(() => terminal.explain(helpOf(program)));
  program
    .command('/exit')
    .description('leave; Ctrl-C twice and Ctrl-D do the same')
    .action(() => {
      next = 'leave';
    });
  // A path may have spaces.
  const [, name = '', rest = ''] = /^(\S+)\s*(.*?)\s*$/s.exec(line) ?? [];
  await program.parseAsync(rest === '' ? [name] : [name, rest], { from: 'user' });
  return next;
}

async function attach(
  path: string,
  conversation: Conversation,
  { io, terminal }: { readonly io: Io; readonly terminal: Surroundings['terminal'] },
): Promise<void> {
  const picture = await readPicture(path, io.stdin);
  conversation.show(picture);
  const { width, height } = picture.pixels;
  terminal.info(`${path}: ${width} x ${height} pixels, for the next question`);
}

function helpOf(program: Command): string[] {
  const help = program.createHelp();
  const commands = help.visibleCommands(program);
  const width = Math.max(...commands.map((command) => help.subcommandTerm(command).length));
  return commands.map(
    (command) =>
      `${help.subcommandTerm(command).padEnd(width)}  ${help.subcommandDescription(command)}`,
  );
}
