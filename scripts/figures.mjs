// Measures every figure that the documentation shows, and writes them where they are shown.
//
//   node scripts/figures.mjs                  runs every command, alone on the machine, then renders
//   node scripts/figures.mjs bench-high ...   runs these only, then renders
//   node scripts/figures.mjs render           renders what docs/figures/*.json hold
//
// Raw results are kept in docs/figures. A figure stands between `<!-- NAME:start -->` and
// `<!-- NAME:end -->`.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keptPatches } from './kept-patches.mjs';
import { withParts } from './markers.mjs';
import {
  cardCommands,
  cards,
  gains,
  page,
  pageCommands,
  pageFigure,
  promptGain,
  prompts,
  whenCommands,
} from './when.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const path = (...parts) => join(root, ...parts);
const samples = 'packages/embedded-model/samples';
const sample = JSON.parse(readFileSync(path(samples, 'samples.json'), 'utf8')).samples[0];
const picture = `${samples}/${sample.image}`;
// A detail of two patches, which pruning could have dropped.
const { question } = sample.questions.find(({ kind }) => kind === 'detail');

const commands = {
  'bench-high': ['bench', '--synthetic', 'smollm2-135m', '--preset', 'transprune-high'],
  'bench-low': ['bench', '--synthetic', 'smollm2-135m', '--preset', 'transprune-low'],
  'bench-int4': [
    ...['bench', '--synthetic', 'smollm2-135m', '--precision', 'int4'],
    ...['--preset', 'transprune-high'],
  ],
  'run-high': ['run', picture, question, '--compare', '--preset', 'transprune-high'],
  'run-low': ['run', picture, question, '--compare', '--preset', 'transprune-low'],
  evaluation: ['evaluate', '--scenes', '40'],
  tune: [
    ...['tune', '--scenes', '8', '--by', 'flops', '--tolerance', '5'],
    ...['-o', 'docs/figures/tune.svg', '--force'],
  ],
  ...whenCommands,
};
/** Those that are run where they are named. */
const allCommands = { ...commands, ...cardCommands, ...pageCommands };
/**
 * What the authors report for LLaVA-1.5-7B: the mean over eight benchmarks, in percent of the unpruned model's.
 * Source: TransPrune (CVPR 2026, arXiv 2507.20630), table 1.
 */
const publishedAccuracy = { unpruned: 100, high: 100, low: 98.4 };

/** Shown as they stand on a terminal. */
const asText = ['run-high', 'bench-high', 'tune'];

const shown = (name) =>
  `${name in pageCommands ? 'npx' : 'transprune'} ${allCommands[name].map((word) => (/\s/.test(word) ? `"${word}"` : word)).join(' ')}`;
const load = (name) => JSON.parse(readFileSync(path('docs/figures', `${name}.json`), 'utf8'));

const [first, ...others] = process.argv.slice(2);
if (first !== 'render')
  measure(first ? [first, ...others] : [...Object.keys(commands), pageFigure]);
render();

function measure(names) {
  mkdirSync(path('docs/figures'), { recursive: true });
  // What `tune` kept of another time would be shown as measured now.
  rmSync(path('transprune-tune'), { recursive: true, force: true });
  for (const name of names) {
    const parameters = allCommands[name];
    if (!parameters)
      throw new Error(`no figure ${name}; there are ${Object.keys(allCommands).join(', ')}`);
    console.error(`> ${shown(name)}`);
    writeFileSync(
      path('docs/figures', `${name}.json`),
      name in pageCommands ? inBrowser(parameters) : outputOf([...parameters, '--json']),
    );
    if (asText.includes(name)) {
      writeFileSync(path('docs/figures', `${name}.txt`), outputOf(parameters));
    }
  }
}

/** The page's benchmark prints JSON. */
function inBrowser(parameters) {
  return execFileSync('npx', parameters, { cwd: root, encoding: 'utf8' });
}

function outputOf(parameters) {
  const program = [path('apps/cli/bin/transprune.js'), ...parameters, '--quiet'];
  const output = execFileSync(process.execPath, program, { cwd: root, encoding: 'utf8' });
  // The folder of this checkout says nothing about the figures.
  return output.replaceAll(root, '');
}

function render() {
  const scene = readFileSync(path(picture));
  const views = ['high', 'low'].map((name) => ({ name, run: load(`run-${name}`) }));
  writeFileSync(path('docs/figures/kept-patches.svg'), keptPatches(scene, question, views));
  replace('README.md', { speed: speed(), answer: answer() });
  replace('packages/embedded-model/README.md', { evaluation: evaluation() });
  replace('docs/tuning.md', { tune: terminal('tune') });
  replace('docs/when.md', {
    gains: gains(load, shown),
    cards: cards(load, shown),
    page: page(load, shown),
    prompts: prompts(load, shown),
  });
  replace('apps/cli/README.md', { run: terminal('run-high'), bench: terminal('bench-high') });
}

/** The before/after table of the README's first screen. */
function speed() {
  const columns = [load('bench-high'), load('bench-low')];
  const [{ imageTokens, textTokens, threads, runs, baselineMs, decode }] = columns;
  const { results, scenes } = load('evaluation');
  const int4 = load('bench-int4');
  const wasm = load(pageFigure);
  const times = (x) => `${x.toFixed(2)} x`;
  const percent = (x) => `${x.toFixed(1)} %`;
  const wholePrompt = (model) => times(promptGain(load(`plan-${model}`)));
  const right = (...names) => names.map((name) => percent(100 * results[name].all));
  const milliseconds = (x) => `${x.toFixed(x < 100 ? 1 : 0)} ms`;
  const rows = [
    [
      'image tokens at the last layer',
      imageTokens,
      ...columns.map(({ stages }) => stages.at(-1).imageTokens),
    ],
    [
      'the decoder reads the prompt (prefill)',
      milliseconds(baselineMs),
      ...columns.map(({ prunedMs }) => milliseconds(prunedMs)),
    ],
    ['that is', '', ...columns.map(({ speedup }) => `**${times(speedup)}** as fast`)],
    [
      'each token of the answer (decode step)',
      milliseconds(decode.baselineMs),
      ...columns.map((b) => milliseconds(b.decode.prunedMs)),
    ],
    [
      'accuracy, LLaVA-1.5-7B, as its authors report it',
      ...Object.values(publishedAccuracy).map(percent),
    ],
    ['right answers, embedded model', ...right('unpruned', 'transprune-high', 'transprune-low')],
    ['the same, as many tokens dropped at random', '', ...right('random-high', 'random-low')],
  ];
  return [
    '| | unpruned | TransPrune-High | TransPrune-Low |',
    '|-|-:|-:|-:|',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    '',
    `High and Low are the paper's settings: three prunes, after which 12.5 % or 6.25 % of the image tokens are left. Times, published accuracy and right answers are of three models: none was measured here for all of them.`,
    '',
    `- Times: SmolLM2-135M's shape with random weights, ${imageTokens} image and ${textTokens} text tokens, ONNX Runtime on ${threads} CPU threads, medians of ${runs} interleaved rounds, ratios too (\`${shown('bench-high')}\`; \`--preset transprune-low\`, whose own rounds read the unpruned prompt in ${milliseconds(columns[1].baselineMs)}); with weights of 4 bits High is ${times(int4.speedup)} as fast (\`--precision int4\`).`,
    `- In a browser, in WebAssembly, the decoder of SmolVLM-256M's shape reads ${wasm.imageTokens} image tokens in ${(wasm.prunedMs / 1000).toFixed(1)} s under High instead of ${(wasm.baselineMs / 1000).toFixed(1)} s, which is ${times(wasm.speedup)} as fast where FLOPs promise ${times(wasm.flopsBoundSpeedup)} (\`${shown(pageFigure)}\`).`,
    `- All of this is the decoder alone. The vision encoder comes before it, pruned or not: by FLOPs a whole prompt of LLaVA-1.5-7B gains ${wholePrompt('llava-1.5-7b')} under High, of SmolVLM-256M ${wholePrompt('smolvlm-256m')} ([how large the rest is](docs/when.md#how-large-the-rest-is)).`,
    `- Accuracy: the mean over eight benchmarks relative to the unpruned model, from the [paper](https://arxiv.org/abs/2507.20630), not measured here.`,
    `- Right answers: ${scenes} held-out pictures of the small model that comes along (\`${shown('evaluation')}\`), [trained as LLaVA is](packages/embedded-model/README.md#how-well-it-answers); the training recipe was judged by the same pictures, [the study](docs/study.md) asks about others.`,
  ].join('\n');
}

/** What `run` says about the sample scene. */
function answer() {
  const { unpruned, pruned } = load('run-high');
  const layers = pruned.imageTokensPerLayer.join(' ');
  return `"${question}" Unpruned: ${unpruned.answer}. Pruned: ${pruned.answer}. Image tokens from layer to layer of the embedded model: ${layers}. (\`${shown('run-high')}\`)`;
}

/** A command and what it prints. */
function terminal(name) {
  const output = readFileSync(path('docs/figures', `${name}.txt`), 'utf8');
  return `\`\`\`text\n$ ${shown(name)}\n${output}\`\`\``;
}

/** Accuracy of the embedded model for each kind of question. */
function evaluation() {
  const { priors, results, scenes } = load('evaluation');
  const percent = (share) => (100 * share).toFixed(1);
  const names = Object.keys(results);
  const cells = (name, prior, value) =>
    `| ${name} | ${prior} | ${names.map((column) => percent(value(results[column]))).join(' | ')} |`;
  return [
    `| right answers, % | prior | ${names.join(' | ')} |`,
    `|-|-:|${names.map(() => '-:|').join('')}`,
    ...Object.entries(priors).map(([kind, prior]) =>
      cells(kind, percent(prior), ({ kinds }) => kinds[kind]),
    ),
    cells('all', '', ({ all }) => all),
    cells('patches of the asked objects kept', '', (result) => result.keptObjectPatches),
    '',
    `${scenes} held-out scenes: \`${shown('evaluation')}\`. "random" keeps as many image tokens at the same layers, drawn at random, with one seed.`,
  ].join('\n');
}

/** Writes figures between their markers. */
function replace(file, figures) {
  writeFileSync(path(file), withParts(file, readFileSync(path(file), 'utf8'), figures));
}
