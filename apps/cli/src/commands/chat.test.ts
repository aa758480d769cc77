/** Conversations: what is piped in, and what is typed. */

import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { samplesDirectory } from '@transprune/small-model';
import { describe, expect, test } from 'vitest';
import { capturingIo, piped, transpruneWith } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';
import { main } from '../main.js';

const image = join(samplesDirectory, 'scene-1.png');
const other = join(samplesDirectory, 'scene-2.png');
const question = 'what color is the heart?';

/** A conversation of lines that are piped in. */
const chat = (lines: readonly string[], ...parameters: string[]) =>
  transpruneWith(
    { stdin: piped(lines.map((line) => `${line}\n`).join('')) },
    'chat',
    ...parameters,
  );

const turnsOf = (stdout: string) => JSON.parse(stdout).turns;

describe('piped in', () => {
  test('each line is answered on top of the turns before', async () => {
    const { exitCode, stdout, stderr } = await chat([question, '', 'how many objects?'], image);
    // An answer of a word has no rate.
    expect(stderr).toMatch(/image tokens 144 -> 126 -> 90 -> 18; first token after [^;]*s\n/);
    expect(exitCode).toBe(exitCodes.ok);
    const [first, second, ...rest] = stdout.split('\n');
    expect([first?.trim(), rest]).toEqual(['purple', ['']]);
    expect(second?.trim()).not.toBe('');
  });

  test('as a document', async () => {
    const lines = [question, `/image ${other}`, 'describe the image.'];
    const { exitCode, stdout } = await chat(lines, image, '--json');
    expect(exitCode).toBe(exitCodes.ok);
    const [first, second] = turnsOf(stdout);
    expect(first).toMatchObject({
      question,
      images: [image],
      answer: 'purple',
      preset: 'transprune-high',
    });
    expect(second).toMatchObject({ images: [other], usage: { imageTokens: 144 } });
  });

  test('who starts anew goes on with the pictures, until another is shown', async () => {
    const lines = [question, '/preset none', question, '/clear', question, '/clear'];
    const { stdout } = await chat([...lines, `/image ${other}`, question], image, '--json');
    const turns: { preset: string; images: string[] }[] = turnsOf(stdout);
    expect(turns.map(({ preset, images }) => [preset, ...images])).toEqual([
      ['transprune-high', image],
      ['none', image],
      ['none', image],
      ['none', other],
    ]);
  });

  test('another preset is another conversation, with the pictures that were not asked about', async () => {
    const lines = ['/preset none', question, '/clear', `/image ${image}`, question];
    const { stdout } = await chat(lines, image, '--prune-after', '3', '--keep', '.5', '--json');
    const [first, second] = turnsOf(stdout);
    expect(first).toMatchObject({
      preset: 'none',
      images: [image],
      usage: { keptImageTokens: [] },
    });
    expect(second.usage.promptTokens).toBe(first.usage.promptTokens);
  });

  test('the last question is compared', async () => {
    const { stdout } = await chat([question, '/compare'], image);
    expect(stdout).toMatch(/answer .* purple .* purple /);
    expect(stdout).toMatch(/144 x12/);
    const { stdout: json } = await chat([question, '/compare'], image, '--json');
    expect(turnsOf(json)[1]).toMatchObject({
      compared: question,
      unpruned: { answer: 'purple' },
      pruned: { answer: 'purple' },
    });
  });

  test('/help lists the commands, /exit leaves', async () => {
    const { exitCode, stdout, stderr } = await chat(['/help', '/exit', question], image);
    expect(exitCode).toBe(exitCodes.ok);
    expect(stdout).toBe('');
    for (const name of ['/image <path>', '/preset <name>', '/compare', '/clear', '/exit']) {
      expect(stderr).toMatch(new RegExp(`^${name} `, 'm'));
    }
  });

  test.each<[string, string[], number, RegExp]>([
    [
      'a typo',
      ['/comapre'],
      exitCodes.usage,
      /unknown command '\/comapre'.*Did you mean \/compare\?/s,
    ],
    [
      'a picture that is not there',
      ['/image /nowhere/a b.png'],
      exitCodes.notFound,
      /\/nowhere\/a b\.png/,
    ],
    ['no path', ['/image'], exitCodes.usage, /missing required argument 'path'/],
    ['an unknown preset', ['/preset max'], exitCodes.usage, /transprune-low/],
    ['nothing to compare', ['/compare'], exitCodes.usage, /expected a question before \/compare/],
  ])('%s ends a script', async (_, lines, expected, message) => {
    const { exitCode, stdout, stderr } = await chat([...lines, question], image);
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(expected);
    expect(stdout).toBe('');
  });
});

describe('typed', () => {
  /** A terminal, and whoever types into it. */
  function typist(...parameters: string[]) {
    const io = capturingIo();
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
    const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 100 });
    let shown = '';
    const see = (text: string) => {
      shown += text;
    };
    stdout.on('data', (chunk) => see(`${chunk}`));
    let interrupt = () => {};
    const catchInterruptions = (handler: () => void) => {
      interrupt = handler;
      return () => {
        interrupt = () => {};
      };
    };
    /** How often Ctrl-C is pressed as soon as an answer begins. */
    let pressed = 0;
    const stderr = {
      isTTY: true,
      write(text: string) {
        see(text);
        if (text.includes('reading')) for (; pressed > 0; pressed--) interrupt();
      },
    };
    const surroundings = { ...io, stdin, stdout, stderr, catchInterruptions };
    return {
      ended: main(['chat', ...parameters], surroundings),
      type: (text: string) => stdin.write(text),
      interrupt: () => interrupt(),
      interruptAnswer: (times: number) => {
        pressed = times;
      },
      until: (text: string | RegExp) => expect.poll(() => shown).toMatch(text),
    };
  }

  test('mistakes are told, and it goes on', async () => {
    const { type, until, ended } = typist(image);
    await until('> ');
    type('/imgae x\n');
    await until(/(?<!error: )error: unknown command '\/imgae'/);
    type(`${question}\n`);
    await until(/purple/);
    type('\u0004');
    expect(await ended).toBe(exitCodes.ok);
  });

  test('Ctrl-C stops an answer, and nothing of it stays', async () => {
    const { type, interrupt, interruptAnswer, until, ended } = typist(image);
    await until('> ');
    interruptAnswer(1);
    type('describe the image.\n');
    await until(/stopped/);
    type('/compare\n');
    await until(/error: expected a question before/);
    interrupt();
    await until(/Ctrl-C again leaves/);
    interrupt();
    expect(await ended).toBe(exitCodes.ok);
  });

  test('twice during an answer leaves', async () => {
    const { type, interruptAnswer, until, ended } = typist(image);
    await until('> ');
    interruptAnswer(2);
    type('describe the image.\n');
    expect(await ended).toBe(exitCodes.ok);
  });
});
