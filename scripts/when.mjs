// Tables of docs/when.md: what pruning gains at how many image tokens, on a graphics card and in a browser,
// measured; and of whole prompts, counted.

/** Image tokens of the measured prompts; 576 is what the README's first table measures. */
const measuredTokens = [280, 576, 1088];

/** Models of `transprune plan` that are counted. */
const countedModels = [
  ...['smolvlm-256m', 'smolvlm-2.2b', 'llava-1.5-7b'],
  ...['llava-next-7b', 'qwen2.5-vl-3b', 'qwen2.5-vl-7b'],
];

const measured = (tokens) => (tokens === 576 ? 'bench-high' : `bench-${tokens}`);
const counted = (model) => `plan-${model}`;

/** The commands, by the names of what they find. */
export const whenCommands = Object.fromEntries([
  ...measuredTokens
    .filter((tokens) => measured(tokens) !== 'bench-high')
    .map((tokens) => [
      measured(tokens),
      [
        ...['bench', '--synthetic', 'smollm2-135m', '--preset', 'transprune-high'],
        ...['--image-tokens', `${tokens}`, '--runs', '6'],
      ],
    ]),
  ...countedModels.map((model) => [counted(model), ['plan', '--model', model]]),
]);

/** Measured where there is a graphics card. */
const onCard = { 'llava-1.5-7b': 576, 'smolvlm-500m': 1088 };
const card = 'NVIDIA H200';
export const cardCommands = Object.fromEntries(
  Object.entries(onCard).map(([model, tokens]) => [
    `gpu-${model}`,
    [
      ...['bench', '--synthetic', model, '--precision', 'fp16', '--image-tokens', `${tokens}`],
      ...['--preset', 'transprune-high', '--device', 'webgpu'],
    ],
  ]),
);

/** Measured by the page of apps/demo, in a browser: rounds of its benchmark. */
const rounds = 3;
export const pageFigure = 'wasm-smolvlm-256m';
/** For `npx`. */
export const pageCommands = {
  [pageFigure]: ['pnpm', '--silent', '--filter', '@transprune/demo', 'bench', `${rounds}`],
};

/** Lengths of answers, in tokens. */
const answers = [16, 256];

const times = (x) => `${x.toFixed(2)} x`;
const milliseconds = (x) => `${x.toFixed(0)} ms`;
const seconds = (x) => `${(x / 1000).toFixed(1)} s`;

/** @param load what a command found */
export function gains(load, shown) {
  const whole = ({ baselineMs, prunedMs, decode }, tokens) =>
    (baselineMs + tokens * decode.baselineMs) / (prunedMs + tokens * decode.prunedMs);
  const rows = measuredTokens.map((tokens) => {
    const bench = load(measured(tokens));
    const { baselineMs, prunedMs, speedup, flopsBoundSpeedup } = bench;
    return [
      tokens,
      milliseconds(baselineMs),
      milliseconds(prunedMs),
      `**${times(speedup)}**`,
      times(flopsBoundSpeedup),
      ...answers.map((length) => times(whole(bench, length))),
    ];
  });
  const { textTokens, threads } = load('bench-high');
  return [
    `| image tokens | prompt, unpruned | pruned | faster | at most | with an answer of ${answers.join(' tokens | of ')} tokens |`,
    '|-:|-:|-:|-:|-:|-:|-:|',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    '',
    `TransPrune-High on SmolLM2-135M's shape with random weights, ${textTokens} text tokens, ONNX Runtime on ${threads} CPU threads: \`${shown('bench-high')}\`, other numbers of them with \`--image-tokens 1088\` and fewer rounds (\`--runs 6\`). The last columns are the prompt and the steps of an answer together, from the same measurements.`,
  ].join('\n');
}

/** Multiply-adds of a whole prompt, vision encoder included, unpruned by pruned. */
export const promptGain = ({ full }) => full.baseline.prefill.total / full.pruned.prefill.total;

/** @param load what a command found */
export function prompts(load, shown) {
  const rows = countedModels.map((model) => {
    const plan = load(counted(model));
    const { imageTokens, finalImageTokens, full } = plan;
    const { prefill } = full.baseline;
    const vision = prefill.vision + prefill.projector;
    return [
      model,
      imageTokens,
      finalImageTokens,
      times(full.speedupWithScoring),
      `${((100 * vision) / prefill.total).toFixed(0)} %`,
      `**${times(promptGain(plan))}**`,
    ];
  });
  return [
    "| model | image tokens | at the last layer | decoder | vision encoder's share | whole prompt |",
    '|-|-:|-:|-:|-:|-:|',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    '',
    `Multiply-adds of a prompt under TransPrune-High, unpruned by pruned, scoring included: \`${shown(counted(countedModels[0]))}\` and so on.`,
  ].join('\n');
}

/** @param load what a command found */
export function cards(load, shown) {
  const rows = Object.entries(onCard).map(([model, tokens]) => {
    const { baselineMs, oracleMs, prunedMs, speedup, flopsBoundSpeedup, decode } = load(
      `gpu-${model}`,
    );
    return [
      model,
      tokens,
      milliseconds(baselineMs),
      milliseconds(prunedMs),
      `**${times(speedup)}**`,
      times(baselineMs / oracleMs),
      times(flopsBoundSpeedup),
      times(decode.baselineMs / decode.prunedMs),
    ];
  });
  return [
    '| shape, float16 | image tokens | prompt, unpruned | pruned | faster | with the prunes known before | at most | a step faster |',
    '|-|-:|-:|-:|-:|-:|-:|-:|',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    '',
    `TransPrune-High, random weights, 64 text tokens, ${card}, WebGPU (Dawn on Vulkan) in Node: \`${shown(`gpu-${Object.keys(onCard)[0]}`)}\` and so on (measured with decoders of the same shapes whose random numbers repeat, so that they are made in seconds). On the same card SmolLM2-135M's shape in float32 kept the tokens that it keeps on the CPU, with logits within 3e-6 of their size, and the authors' answers were met within the tests' bounds.`,
  ].join('\n');
}

/** @param load what a command found */
export function page(load, shown) {
  const bench = load(pageFigure);
  const { model, imageTokens, textTokens, baselineMs, oracleMs, prunedMs, decode } = bench;
  const { speedup, flopsBoundSpeedup, threads, runs, prefillTimes } = bench;
  const { min, max } = prefillTimes.baseline;
  return [
    '| shape, float32 | image tokens | prompt, unpruned | pruned | faster | with the prunes known before | at most, by FLOPs | a step faster |',
    '|-|-:|-:|-:|-:|-:|-:|-:|',
    `| ${[
      model,
      imageTokens,
      seconds(baselineMs),
      seconds(prunedMs),
      `**${times(speedup)}**`,
      times(baselineMs / oracleMs),
      times(flopsBoundSpeedup),
      times(decode.baselineMs / decode.prunedMs),
    ].join(' | ')} |`,
    '',
    `TransPrune-High, random weights, ${textTokens} text tokens, WebAssembly with ${threads} threads in headless Chromium, medians of ${runs} interleaved rounds of the page's benchmark: \`${shown(pageFigure)}\`. The unpruned prompt took ${seconds(min)} to ${seconds(max)}.`,
  ].join('\n');
}
