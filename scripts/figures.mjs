// Measures every figure that the documentation shows, and writes them where they are shown.
//
//   node scripts/figures.mjs                  runs every command (10 minutes on 2 cores), then renders
//   node scripts/figures.mjs bench-high ...   runs these only, then renders
//   node scripts/figures.mjs render           renders what docs/figures/*.json hold
//
// Raw results are kept in docs/figures. A figure stands between `<!-- NAME:start -->` and
// `<!-- NAME:end -->`.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keptPatches } from './kept-patches.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const path = (...parts) => join(root, ...parts);
const samples = 'packages/embedded-model/samples';
const sample = JSON.parse(readFileSync(path(samples, 'samples.json'), 'utf8')).samples[0];
const picture = `${samples}/${sample.image}`;
const question = sample.questions[0].question;

const commands = {
  'bench-high': ['bench', '--synthetic', 'smollm2-135m', '--preset', 'transprune-high'],
  'bench-low': ['bench', '--synthetic', 'smollm2-135m', '--preset', 'transprune-low'],
  'bench-int4': [
    ...['bench', '--synthetic', 'smollm2-135m', '--precision', 'int4'],
    ...['--preset', 'transprune-high'],
  ],
  'run-high': ['run', picture, question, '--compare', '--preset', 'transprune-high'],
  'run-low': ['run', picture, question, '--compare', '--preset', 'transprune-low'],
  evaluation: ['evaluate'],
};
/** Shown as they stand on a terminal. */
const asText = ['run-high', 'bench-high'];

const shown = (name) =>
  `transprune ${commands[name].map((word) => (/\s/.test(word) ? `"${word}"` : word)).join(' ')}`;
const load = (name) => JSON.parse(readFileSync(path('docs/figures', `${name}.json`), 'utf8'));

const [first, ...others] = process.argv.slice(2);
if (first !== 'render') measure(first ? [first, ...others] : Object.keys(commands));
render();

function measure(names) {
  mkdirSync(path('docs/figures'), { recursive: true });
  for (const name of names) {
    const parameters = commands[name];
    if (!parameters)
      throw new Error(`no figure ${name}; there are ${Object.keys(commands).join(', ')}`);
    console.error(`> ${shown(name)}`);
    writeFileSync(path('docs/figures', `${name}.json`), outputOf([...parameters, '--json']));
    if (asText.includes(name)) {
      writeFileSync(path('docs/figures', `${name}.txt`), outputOf(parameters));
    }
  }
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
  replace('apps/cli/README.md', { run: terminal('run-high'), bench: terminal('bench-high') });
}

/** The before/after table of the README's first screen. */
function speed() {
  const columns = [load('bench-high'), load('bench-low')];
  const [{ imageTokens, textTokens, threads, runs, baselineMs, decode, nodes }] = columns;
  const int4 = load('bench-int4');
  const row = (name, unpruned, value) =>
    `| ${name} | ${unpruned} | ${columns.map(value).join(' | ')} |`;
  const times = (x) => `${x.toFixed(2)} x`;
  const percent = (x) => `${(100 * x).toFixed(1)} %`;
  return [
    '| | unpruned | TransPrune-High | TransPrune-Low |',
    '|-|-:|-:|-:|',
    row('image tokens at the last layer', imageTokens, ({ stages }) => stages.at(-1).imageTokens),
    row('prefill', `${baselineMs.toFixed(0)} ms`, ({ prunedMs }) => `${prunedMs.toFixed(0)} ms`),
    row('speed-up of the prefill', '', ({ speedup }) => `**${times(speedup)}**`),
    row('what the FLOPs allow', '', ({ flopsBoundSpeedup }) => times(flopsBoundSpeedup)),
    row(
      'cost of scoring, of the unpruned prefill (95 % range)',
      '',
      ({ scoringOverhead, scoringOverheadRange: [low, high] }) =>
        `${percent(scoringOverhead)} (${percent(low)} to ${percent(high)})`,
    ),
    row(
      'a decode step',
      `${decode.baselineMs.toFixed(1)} ms`,
      (b) => `${b.decode.prunedMs.toFixed(1)} ms`,
    ),
    row(
      '  of an unpruned one (95 % range)',
      '',
      ({ decode: { ratio, ratioRange } }) =>
        `${percent(ratio)} (${ratioRange.map(percent).join(' to ')})`,
    ),
    row(
      'nodes that a decode step executes',
      nodes.baseline.step.nodes,
      (b) => b.nodes.pruned.step.nodes,
    ),
    '',
    `SmolLM2-135M's shape with random weights, ${imageTokens} image and ${textTokens} text tokens, ONNX Runtime on ${threads} CPU threads, medians of ${runs} interleaved rounds: \`${shown('bench-high')}\` and \`--preset transprune-low\`. Both columns were measured against an unpruned run of their own; times shown for it are those of the first. With weights of 4 bits High is ${times(int4.speedup)}, of ${times(int4.flopsBoundSpeedup)} that the FLOPs allow (\`${shown('bench-int4')}\`).`,
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
  let text = readFileSync(path(file), 'utf8');
  for (const [name, figure] of Object.entries(figures)) {
    const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
    const [from, to] = [text.indexOf(start), text.indexOf(end)];
    if (from < 0 || to < from)
      throw new Error(`${file} has no place for ${name}: ${start} ... ${end}`);
    text = `${text.slice(0, from + start.length)}\n${figure}\n${text.slice(to)}`;
  }
  writeFileSync(path(file), text);
}
