/** The files, headings and options that the documentation names are there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { capturingIo } from '../testing/program.js';
import { createProgram } from './main.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folders = ['.', 'docs', 'docs/decisions', 'examples', ...under('packages'), ...under('apps')];
const documents = folders.flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);

/** Names that stand for what a reader adds. */
const examples = [
  'packages/core/src/methods/transition.ts',
  'packages/core/src/signals/stream-norm.ts',
];

const sources = ['packages', 'apps', 'scripts', 'examples'].flatMap(filesIn);
const { commands } = createProgram(capturingIo());

describe.each(documents)('%s', (document) => {
  const text = readFileSync(join(root, document), 'utf8');

  test('files', () => {
    const paths = text.matchAll(
      /(?<![\w./@-])(?:packages|apps|docs|examples|scripts)\/[\w./<>*-]+/g,
    );
    const named = Array.from(paths, ([path]) => path.replace(/\.*$/, ''));
    // What a build makes is not there before it.
    const lasting = named.filter((path) => !examples.includes(path) && !/\/dist(\/|$)/.test(path));
    const gone = lasting.filter((path) => !existsSync(fixedPart(path)));
    expect(gone).toEqual([]);
  });

  test('files by the end of their path', () => {
    const spans = Array.from(text.matchAll(/`([\w./-]+\.(?:ts|mjs))`/g), ([, span = '']) => span);
    const known = [...sources, ...examples];
    const gone = spans.filter((path) => !known.some((source) => `/${source}`.endsWith(`/${path}`)));
    expect(gone).toEqual([]);
  });

  test('links', () => {
    const links = Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, link = '']) => link);
    const gone = links.filter((link) => {
      const [path = '', heading] = link.split('#', 2);
      if (/^\w+:/.test(path)) return false;
      const target = path === '' ? join(root, document) : join(root, dirname(document), path);
      if (!existsSync(target)) return true;
      return heading !== undefined && !headings(target).includes(heading);
    });
    expect(gone).toEqual([]);
  });

  test('options of the command line', () => {
    const unknown = calls(text).flatMap(({ command, options }) => {
      const known = command ? optionsOf(command) : commands.flatMap(optionsOf);
      const missing = options.filter((option) => !known.includes(option));
      return missing.map((option) => `${command?.name() ?? '(any)'} ${option}`);
    });
    expect(unknown).toEqual([]);
  });
});

test('what is looked for is found', () => {
  expect(documents).toEqual(expect.arrayContaining(['README.md', 'docs/method.md']));
  const found = calls(
    '`transprune plan --model x`, `prune --verify`, `--batch`, `npm test -- --x`',
  );
  expect(found.map(({ command, options }) => [command?.name(), ...options])).toEqual([
    ['plan', '--model'],
    ['prune', '--verify'],
    [undefined, '--batch'],
  ]);
  const script =
    '```sh\nnode apps/cli/bin/transprune.js prune a.onnx \\\n  -o b.onnx --trace # ok\n```';
  expect(calls(script).flatMap(({ options }) => options)).toEqual(['-o', '--trace']);
});

/** Calls of the program, in code spans and in blocks; a span may leave out the program or the command. */
function calls(text: string): { command: Command | undefined; options: string[] }[] {
  const blocks = Array.from(text.matchAll(/```.*?\n(.*?)```/gs), ([, block = '']) => block);
  const lines = blocks.flatMap((block) => block.replace(/\\\n/g, ' ').split('\n'));
  const spans = Array.from(text.replace(/```.*?```/gs, '').matchAll(/`([^`]+)`/g));
  const called = /^\s*(?:\$ )?(?:npx )?(?:transprune|node \S*transprune\.js)\s+(.*)/s;
  const inLines = lines.flatMap((line) => called.exec(line)?.[1] ?? []);
  const inSpans = spans.map(([, span = '']) => called.exec(span)?.[1] ?? span);
  return [...inLines, ...inSpans].flatMap((words) => {
    const [first = '', ...others] = words.replace(/\s#.*/, '').split(/\s+/);
    const command = commands.find((one) => one.name() === first);
    if (command === undefined && !first.startsWith('--')) return [];
    const options = [first, ...others].filter((word) => /^--?[a-z]/.test(word));
    return [{ command, options: options.map((option) => option.replace(/=.*|\W+$/g, '')) }];
  });
}

function optionsOf(command: Command): string[] {
  const own = command.options.flatMap(({ long, short }) => [long ?? '', short ?? '']);
  return [...own, ...command.commands.flatMap(optionsOf), '--help', '-h', '--version'];
}

/** Without what stands for a name: `packages/backend-<name>/` is in `packages`. */
function fixedPart(path: string): string {
  const at = path.search(/[<*]/);
  return join(root, at < 0 ? path : path.slice(0, path.lastIndexOf('/', at)));
}

/** Anchors as GitHub makes them. */
function headings(path: string): string[] {
  const lines = readFileSync(path, 'utf8').match(/^#+ .*/gm) ?? [];
  const plain = lines.map((line) => line.replace(/^#+ /, '').toLowerCase());
  return plain.map((line) => line.replace(/[^\w\- ]/g, '').replaceAll(' ', '-'));
}

/** Packages of a folder. */
function under(group: string): string[] {
  return readdirSync(join(root, group)).map((name) => join(group, name));
}

/** Files in a folder and in those below, from the root. */
function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) return [path];
    return ['node_modules', 'dist', '.turbo'].includes(entry.name) ? [] : filesIn(path);
  });
}
