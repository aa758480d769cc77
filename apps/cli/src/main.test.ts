import { join } from 'node:path';
import { samplesDirectory } from '@transprune/small-model';
import { describe, expect, test } from 'vitest';
import { capturingIo, transprune } from '../testing/program.js';
import { exitCodes } from './exit-codes.js';
import { main } from './main.js';
import { version } from './version.js';

const commands = ['plan', 'inspect', 'prune', 'run', 'chat', 'bench', 'evaluate', 'doctor'];

describe('help', () => {
  test.each(commands)('of %s ends with an example', async (command) => {
    const { exitCode, stdout, stderr } = await transprune(command, '--help');
    expect(exitCode).toBe(exitCodes.ok);
    expect(stdout).toMatch(new RegExp(`Example:\n {2}\\$ transprune ${command}.*\n$`, 's'));
    for (const option of ['--json', '--quiet', '--verbose']) expect(stdout).toContain(option);
    expect(stderr).toBe('');
  });

  test('of the program names every command', async () => {
    const { exitCode, stdout } = await transprune('--help');
    expect(exitCode).toBe(exitCodes.ok);
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    expect(stdout).toMatch(/Example:\n {2}\$ transprune .*\n$/);
  });

  test('takes the place of a missing command, on stderr', async () => {
    const { exitCode, stdout, stderr } = await transprune();
    expect(exitCode).toBe(exitCodes.usage);
    expect(stdout).toBe('');
    expect(stderr).toContain('Usage: transprune');
  });

  test('the version is that of the package', async () => {
    expect(await transprune('--version')).toEqual({
      exitCode: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
  });
});

describe('usage errors', () => {
  test.each([
    ['an unknown command', ['prnue'], /unknown command 'prnue'\n\(Did you mean prune\?\)/],
    [
      'an unknown option',
      ['plan', '--model', 'llava-1.5-7b', '--modle', 'x'],
      /unknown option '--modle'\n\(Did you mean --model\?\)/,
    ],
    [
      'a preset that was mistyped',
      ['plan', '--model', 'llava-1.5-7b', '--preset', 'transprune-hgh'],
      /'transprune-hgh' is invalid\. Allowed choices are .*, none \(did you mean transprune-high\?\)\.\n/,
    ],
    ['a method that was', ['tune', '--method', 'fastvv'], /\(did you mean fastv\?\)\.\n/],
    ['a shell that was', ['completion', 'bsh'], /\(did you mean bash\?\)\.\n/],
    ['a device of a command below', ['eval', 'worker', '--device', 'wbgpu'], /mean webgpu\?\)/],
    ['a benchmark that was', ['eval', 'popee'], /, got popee \(did you mean pope\?\)\n/],
    ['a missing option', ['plan'], /required option '--model <name>' not specified/],
    ['a question alone', ['run', 'what?'], /expected pictures and a question, got only "what\?"/],
    ['nothing to ask', ['run'], /expected pictures and a question, got neither/],
    ['an empty question', ['run', 'a.png', ' '], /expected a question, got an empty one/],
    ['stdin twice', ['run', '-', '-'], /expected stdin \(-\) at one place/],
    ['a share that is none', ['run', 'a.png', 'b', '--top-p', '0'], /number above 0 to 1/],
    [
      'a seed without chance',
      ['run', 'a.png', 'b', '--seed', '1'],
      /--temperature above 0, or --method random, with --seed/,
    ],
    ['an unknown format', ['run', 'a.png', 'b', '--format', 'q5'], /Allowed choices are fp32/],
    ['a shell that is none', ['completion', 'csh'], /Allowed choices are bash, zsh, fish/],
    ['a missing argument', ['inspect'], /missing required argument 'model'/],
    ['an argument too many', ['doctor', 'now'], /too many arguments/],
    [
      'an unknown preset',
      ['plan', '--model', 'llava-1.5-7b', '--preset', 'max'],
      /transprune-high/,
    ],
    [
      'an unknown direction',
      ['plan', '--model', 'llava-1.5-7b', '--direction', 'up'],
      /Allowed choices are cos/,
    ],
    [
      'a count that is none',
      ['plan', '--model', 'llava-1.5-7b', '--text-tokens', 'many'],
      /whole number of at least 0/,
    ],
    [
      'layers that are none',
      ['plan', '--model', 'llava-1.5-7b', '--prune-after', '9-7', '--keep', '.5'],
      /layer numbers such as/,
    ],
    [
      'ratios that are none',
      ['plan', '--model', 'llava-1.5-7b', '--prune-after', '7', '--keep', 'half'],
      /numbers such as/,
    ],
    [
      'a preset beside stages',
      ['plan', '--model', 'llava-1.5-7b', '--preset', 'none', '--keep', '.5'],
      /cannot be used with/,
    ],
    ['an unknown device', ['run', 'a.png', 'b', '--device', 'abacus'], /Allowed choices are auto/],
    [
      'both kinds of model',
      ['bench', '--model', 'a', '--synthetic', 'smollm2-135m'],
      /cannot be used/,
    ],
  ])('%s', async (_, parameters, message) => {
    const { exitCode, stdout, stderr } = await transprune(...parameters);
    expect(exitCode).toBe(exitCodes.usage);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^error: /);
    expect(stderr).not.toContain('    at ');
  });

  test('a model that was mistyped is named', async () => {
    const { exitCode, stderr } = await transprune('plan', '--model', 'llava-1.5-7bb');
    expect(exitCode).toBe(exitCodes.notFound);
    expect(stderr).toMatch(/, got llava-1\.5-7bb \(did you mean llava-1\.5-7b\?\); for any other/);
  });

  test('are one document with --json', async () => {
    const { exitCode, stdout, stderr } = await transprune('plan', '--json');
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: 'USAGE',
        message: "required option '--model <name>' not specified",
        exitCode,
        data: {},
      },
    });
    expect(stderr).toMatch(/^error: /);
  });
});

describe('a model that is not there', () => {
  const asked = ['a.png', 'what is it?'];
  test.each([
    ['plan', ['--model', './nowhere']],
    ['inspect', ['./nowhere']],
    ['prune', ['./nowhere', '-o', 'never.onnx']],
    ['run', ['--model', './nowhere', join(samplesDirectory, 'scene-1.png'), 'what is it?']],
    ['chat', ['--model', './nowhere']],
    ['visualize', ['--model', './nowhere', ...asked, '-o', 'never.svg']],
    ['serve', ['--model', './nowhere', '--port', '0']],
    ['export', ['triton', './nowhere', '-o', 'never']],
    ['bench', ['--model', './nowhere']],
    ['evaluate', ['--model', './nowhere', '--scenes', '1']],
    ['eval', ['embedded', '--model', './nowhere', '--answers', 'never.jsonl']],
    ['tune', ['--model', './nowhere', '--answers', 'never']],
  ])('fails %s, in words on stderr alone', async (command, parameters) => {
    const { exitCode, stdout, stderr } = await transprune(command, ...parameters);
    expect(exitCode).toBe(exitCodes.notFound);
    expect(stdout).toBe('');
    expect(stderr.match(/error/gi)).toHaveLength(1);
    expect(stderr).toMatch(/^error: .+\n$/m);
  });
});

describe('errors', () => {
  test('show where they came from with --verbose only', async () => {
    const missing = ['inspect', '/nowhere/model.onnx'];
    expect((await transprune(...missing)).stderr).not.toContain('    at ');
    expect((await transprune(...missing, '--verbose')).stderr).toContain('    at ');
  });

  test('carry code and data of the error with --json', async () => {
    const { stdout } = await transprune('plan', '--model', 'gpt-2', '--json');
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'NOT_FOUND',
      exitCode: exitCodes.notFound,
      data: { got: 'gpt-2' },
    });
  });

  test('are red on a terminal, unless NO_COLOR is set', async () => {
    const on = async (env: Record<string, string>) => {
      const io = capturingIo();
      await main(['plan'], { ...io, stderr: { ...io.stderr, isTTY: true }, env });
      return io.stderr.text();
    };
    expect(await on({})).toContain('\u001b[31merror:');
    expect(await on({ NO_COLOR: '1' })).not.toContain('\u001b');
  });
});

test('an interruption ends a command with 130', async () => {
  const interruption = new AbortController();
  const io = capturingIo(interruption.signal);
  const running = main(['bench', '--image-tokens', '32', '--text-tokens', '4'], io);
  interruption.abort();
  expect(await running).toBe(exitCodes.interrupted);
  expect(io.stdout.text()).toBe('');
});
