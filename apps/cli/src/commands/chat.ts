import type { Command } from 'commander';
import { Conversation, type ConversationOptions, type Shown } from '../chat/conversation.js';
import { createInterruptions, type Interruptions } from '../chat/interruptions.js';
import { type Lines, readLines } from '../chat/lines.js';
import { type Next, obey } from '../chat/slash-commands.js';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { messageOf } from '../message.js';
import { calledModel, findModel, type Surroundings } from '../model/find.js';
import { type TemporaryFolders, withTemporaryFolders } from '../model/temporary.js';
import { addBudgetOptions } from '../options/budget-options.js';
import { addDeviceOption } from '../options/device-option.js';
import { addModelOptions, type ModelOptions } from '../options/model-options.js';
import { addPlanOptions } from '../options/plan-options.js';
import { addReductionOptions } from '../options/reduction-options.js';
import {
  addSamplingOptions,
  answerOptions,
  type SamplingOptions,
} from '../options/sampling-options.js';
import { addThreadOption } from '../options/thread-option.js';
import { type EngineOptions, withEngine } from '../run/engine.js';
import { readPicture } from '../run/inputs.js';
import { addOutputOptions, createTerminal, type OutputOptions } from '../terminal.js';

type Options = ModelOptions &
  EngineOptions &
  SamplingOptions &
  OutputOptions & { readonly system?: string };

export function addChatCommand(program: Command, io: Io): void {
  const command = program
    .command('chat')
    .description(
      'Talk about pictures, on top of the caches of the turns before. Lines that begin with a slash are commands: /help shows them. Lines may be piped in.',
    )
    .argument('[image...]', 'pictures for the first question: paths or addresses');
  addReductionOptions(addBudgetOptions(addPlanOptions(addModelOptions(command)))).option(
    '--system <text>',
    'what the conversation begins with',
  );
  addThreadOption(addDeviceOption(addSamplingOptions(command)));
  addOutputOptions(command)
    .addHelpText(
      'after',
      example('transprune chat scene.png', 'transprune chat --model owner/name --format q4'),
    )
    .action((images: string[], options: Options) =>
      withTemporaryFolders(io, (folders) => chat(images, options, folders, io)),
    );
}

async function chat(
  images: readonly string[],
  options: Options,
  folders: TemporaryFolders,
  io: Io,
): Promise<void> {
  const terminal = createTerminal(io, options);
  const around = { io, terminal };
  const answering = answerOptions(options);
  const pictures = await Promise.all(images.map((name) => readPicture(name, io.stdin)));
  let shown: Shown = { pictures, again: false };
  const files = await findModel(options.model, options, around);
  const interruptions = createInterruptions(
    () => {
      terminal.info('\nCtrl-C again leaves, and so does /exit');
      lines.prompt();
    },
    () => lines.close(),
  );
  const lines = readLines(io, interruptions.onInterrupt);
  const entries: object[] = [];
  const talking = { around, lines, interruptions };
  try {
    let chosen: EngineOptions | undefined = options;
    while (chosen) {
      const current: EngineOptions = chosen;
      chosen = await withEngine(files, current, folders, around, async (opened) => {
        const { preset } = opened.pruned.chosen;
        const conversation = new Conversation(
          opened,
          {
            ...{ answering, shown, record: (entry) => entries.push({ preset, ...entry }) },
            ...(options.system !== undefined && { system: options.system }),
          } satisfies ConversationOptions,
          around,
        );
        const next = await talk(conversation, talking);
        shown = conversation.shownAgain;
        return typeof next === 'object' ? withPreset(current, next.preset) : undefined;
      });
    }
  } finally {
    lines.close();
  }
  const model = calledModel(options.model, io);
  if (options.json) terminal.result({ model, turns: entries }, () => []);
}

interface Talking {
  readonly around: Surroundings;
  readonly lines: Lines;
  readonly interruptions: Interruptions;
}

/** Until the user leaves, or wants another decoder. */
async function talk(conversation: Conversation, talking: Talking): Promise<Next> {
  const { around, lines, interruptions } = talking;
  const { io, terminal } = around;
  try {
    for (;;) {
      const line = await lines.next();
      interruptions.forget();
      if (line === undefined) return 'leave';
      if (line.trim() === '') continue;
      try {
        const next = await answer(line, conversation, talking);
        if (next !== 'go on') return next;
      } catch (error) {
        // Whoever types tries again; a script learns of it by the exit code.
        if (!lines.isTerminal || io.signal.aborted) throw error;
        terminal.explain([`error: ${messageOf(error)}`]);
      }
    }
  } finally {
    await conversation.dispose();
  }
}

async function answer(
  line: string,
  conversation: Conversation,
  { around, interruptions }: Talking,
): Promise<Next> {
  const { signal } = around.io;
  if (line.startsWith('/')) {
    return obey(line, conversation, around, () =>
      interruptions.during(signal, (stop) => conversation.compare(stop)),
    );
  }
  await interruptions.during(signal, (stop) => conversation.ask(line, stop));
  return 'go on';
}

/** The same with a preset in place of stages and a budget. */
function withPreset(options: EngineOptions, preset: string): EngineOptions {
  const { accumulate, pruneAfter, keep, ...unstaged } = options;
  const { budgetTflops, speedup, keepAverage, averageImageTokens, ...others } = unstaged;
  return { ...others, preset };
}
