// `npm start`, `npm test` and the other tasks, from nothing but Node and npm: installs with the pinned
// pnpm when the lockfile or a manifest changed, builds what changed, then runs.
//
//   node scripts/run.mjs start                      asks the embedded model about a sample image
//   node scripts/run.mjs server [options]           serves the embedded model, or another one
//   node scripts/run.mjs demo [--port 4173]         builds the page of apps/demo and serves it
//   node scripts/run.mjs test [options]             short tests, of all packages or with `--filter core`
//   node scripts/run.mjs test:long | test:all       the others, or all; options are vitest's
//   node scripts/run.mjs fuzz [--seeds 0-5000]      prunes decoders that were changed at random
//   node scripts/run.mjs study [--quick]            asks every method, and writes docs/study.md
//   node scripts/run.mjs tarballs                   packs the packages, as they would be published
//   node scripts/run.mjs release                    publishes what npm has not yet; the release workflow calls it
//   node scripts/run.mjs typecheck                  checks the types of all packages
//   node scripts/run.mjs <turbo task> [options]     such as build, check:package

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const binaries = join(root, 'node_modules', '.bin');
const environment = {
  ...process.env,
  PATH: `${binaries}${delimiter}${process.env.PATH}`,
  ONNXRUNTIME_NODE_INSTALL: 'skip',
  TURBO_TELEMETRY_DISABLED: '1',
  TURBO_NO_UPDATE_NOTIFIER: '1',
};
// No colours in a file or a pipe, whatever else a tool goes by, such as being in CI.
if (!process.stdout.isTTY && environment.FORCE_COLOR === undefined) environment.NO_COLOR = '1';

/** Suites of `vitest.projects.config.ts`. */
const suites = { test: 'short', 'test:long': 'long', 'test:all': 'all' };

const [task = 'start', ...options] = process.argv.slice(2);
checkNode();
await install();
if (task === 'start') await start();
else if (task === 'server') await server(options);
else if (task === 'demo') await demo(options);
else if (task in suites) await test(suites[task], options);
else if (task === 'tarballs') await tarballs(options);
else if (task === 'release') await release();
else if (task === 'study') await study(options);
else if (task === 'typecheck') await typecheck(options);
else if (task === 'fuzz')
  await orExit(run('pnpm', ['--filter', '@transprune/fuzz', 'fuzz', ...options]));
else await orExit(run('turbo', ['run', task, ...options]));

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(
    `Node 20.19 or newer is needed, this is ${process.versions.node}: https://nodejs.org`,
  );
  process.exit(1);
}

async function install() {
  const stampFile = join(root, 'node_modules', '.install-stamp');
  const files = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml'].map((f) => join(root, f));
  files.push(...workspaces().map((folder) => join(folder, 'package.json')));
  const hash = createHash('sha256').update(process.version);
  for (const file of files) hash.update(file).update(readFileSync(file));
  const stamp = hash.digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;

  console.error('Installing dependencies ...');
  const { packageManager } = readJson('package.json');
  await orExit(run('npx', ['--yes', packageManager, 'install', '--frozen-lockfile'], 'quiet'));
  writeFileSync(stampFile, stamp);
}

/** @param names of packages, which bring what they depend on; all of them if there is none */
async function build(...names) {
  console.error('Building ...');
  const filters = names.map((name) => `--filter=@transprune/${name}`);
  await orExit(run('turbo', ['run', 'build', ...filters], 'quiet'));
}

async function start() {
  await build('cli');
  const folder = join('packages', 'embedded-model', 'samples');
  const [sample] = readJson(join(folder, 'samples.json')).samples;
  // A detail of two patches, which pruning could have dropped.
  const { question } = sample.questions.find(({ kind }) => kind === 'detail');
  const parameters = ['run', join(folder, sample.image), question, '--compare'];
  console.error(`> transprune ${parameters.map((p) => (/\s/.test(p) ? `"${p}"` : p)).join(' ')}\n`);
  await orExit(run(process.execPath, [join('apps', 'cli', 'bin', 'transprune.js'), ...parameters]));
}

async function server(options) {
  await build('server');
  // The server ends by itself, with its answers.
  process.on('SIGINT', () => {});
  const program = join('apps', 'server', 'bin', 'transprune-server.js');
  await orExit(run(process.execPath, [program, 'serve', ...options]));
}

/** @param options those of vite's preview, such as --port and --host */
async function demo(options) {
  await build('demo');
  const vite = ['--filter', '@transprune/demo', 'exec', 'vite', 'preview'];
  await orExit(run('pnpm', [...vite, ...options]));
}

async function study(options) {
  await build('embedded-model');
  await orExit(run('pnpm', ['--filter', '@transprune/study', 'study', ...options]));
}

/** What runs in Node as one program, then what has types of its own. */
async function typecheck(options) {
  await orExit(run('tsc', []));
  await orExit(run('turbo', ['run', 'typecheck', ...options]));
}

async function tarballs(parameters) {
  await build();
  await orExit(run(process.execPath, [join('scripts', 'pack.mjs'), ...parameters]));
}

async function release() {
  const { GITHUB_SERVER_URL = '', GITHUB_REPOSITORY = '' } = process.env;
  const address = `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}`;
  await build();
  await orExit(run(process.execPath, [join('scripts', 'repository.mjs'), address]));
  await orExit(run('changeset', ['publish']));
}

/** Runs a suite over all packages in one process pool; its reporter prints the sum as the last line. */
async function test(suite, options) {
  // What tests run as it was built: models, and in the long suite the executable and the tarballs.
  console.error('Building ...');
  const filters =
    suite === 'short'
      ? ['--filter=@transprune/embedded-model', '--filter=@transprune/small-model']
      : [];
  const built = await run('turbo', ['run', 'build', ...filters], 'quiet');
  if (built.code !== 0) {
    const [, failed = 'a package'] = /^Failed: +(.*)$/m.exec(built.output) ?? [];
    process.stdout.write(`${built.output}\nFAILED ${failed}, without which no test runs\n`);
    console.log('0 passed, 1 failed');
    process.exit(built.code);
  }
  const parameters = ['run', '--config', 'vitest.projects.config.ts', '--mode', suite];
  const { code } = await run('vitest', [...parameters, ...options.flatMap(asProject(options))]);
  process.exit(code);
}

/** pnpm's and turbo's `--filter <package>`, which vitest calls a project; `@transprune/` may be left out. */
function asProject(options) {
  return (option, at) => {
    if (option === '--filter') return [];
    const name = options[at - 1] === '--filter' ? option : /^--filter=(.*)/.exec(option)?.[1];
    if (name === undefined) return [option];
    const project = name.startsWith('@') ? name : `@transprune/${name}`;
    const all = [project, `${project} isolated`, `${project} in a browser`];
    return all.flatMap((name) => ['--project', name]);
  };
}

/** Absolute paths of the workspace's packages. */
function workspaces() {
  return ['packages', 'apps']
    .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
    .filter((folder) => existsSync(join(folder, 'package.json')));
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}

/** Runs a command in the root; with 'quiet' its output is kept for the case that it fails. */
function run(command, parameters, mode = 'shown') {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, {
      cwd: root,
      env: environment,
      shell: process.platform === 'win32' && command !== process.execPath,
      stdio: mode === 'quiet' ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    });
    // Whoever ends this ends what it runs; a terminal's Ctrl-C reaches both by itself.
    let isEnding = false;
    const pass = (signal) => {
      isEnding = true;
      child.kill(signal);
    };
    for (const signal of ['SIGTERM', 'SIGHUP']) process.once(signal, pass);
    const output = [];
    child.stdout?.on('data', (chunk) => output.push(chunk));
    child.stderr?.on('data', (chunk) => output.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      for (const signal of ['SIGTERM', 'SIGHUP']) process.off(signal, pass);
      if (isEnding) process.exit(code ?? 1);
      resolve({ code: code ?? 1, output: Buffer.concat(output) });
    });
  });
}

async function orExit(running) {
  const { code, output } = await running;
  if (code === 0) return;
  process.stderr.write(output);
  process.exit(code);
}
