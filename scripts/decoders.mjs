// The README's matrix of architectures and exporters, from the lists of the decoders that the tests prune and run.
//
//   node scripts/decoders.mjs           writes it
//   node scripts/decoders.mjs --check   says whether it is the one that would be written

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { withParts } from './markers.mjs';

const root = new URL('../', import.meta.url);
const fixtures = new URL('packages/fixtures/', root);
const list = (path) => JSON.parse(readFileSync(new URL(path, fixtures), 'utf8'));

/** The columns. */
const exporters = {
  torchscript: 'TorchScript',
  dynamo: 'torch.export',
  genai: 'ONNX Runtime GenAI',
  mobius: 'mobius',
  hub: "whole models in the hub's layout",
};

/** How architectures are called that are listed by an identifier. */
const names = {
  llama: 'Llama',
  mistral: 'Mistral',
  'mistral-window': 'Mistral with window',
  qwen2: 'Qwen 2',
  qwen3: 'Qwen 3',
  phi3: 'Phi-3',
  gemma2: 'Gemma 2',
  gemma3: 'Gemma 3',
  gemma3n: 'Gemma 3n',
  'qwen2-vl': 'Qwen2-VL',
  'qwen2.5-vl': 'Qwen2.5-VL',
  'qwen3-vl': 'Qwen3-VL',
  minicpm3: 'MiniCPM 3',
  'deepseek-v2': 'DeepSeek V2',
  'deepseek-v3': 'DeepSeek V3',
  gemma4: 'Gemma 4',
  idefics3: 'Idefics3',
  lfm2_vl: 'LFM2',
  llava: 'LLaVA',
  paligemma: 'PaliGemma',
  qwen2_5_vl: 'Qwen2.5-VL',
  qwen3_5: 'Qwen3.5',
  qwen3_vl: 'Qwen3-VL',
};

const precisions = ['float32', 'float16', 'int4', 'int8'];
/** What a decoder's file in the hub's layout ends with. */
const ofFormat = { '': 'float32', _fp16: 'float16', _q4: 'int4' };

const hubDecoders = () =>
  readdirSync(new URL('hub/', fixtures), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'images')
    .flatMap(({ name }) =>
      readdirSync(new URL(`hub/${name}/onnx/`, fixtures)).flatMap((file) => {
        const [, format] = /^decoder_model_merged(.*)\.onnx$/.exec(file) ?? [];
        return format === undefined
          ? []
          : { architecture: name, exporter: 'hub', precision: ofFormat[format] };
      }),
    );

function matrix() {
  const decoders = [...list('exports/index.json'), ...list('cases/index.json'), ...hubDecoders()];
  const rows = new Map();
  for (const { architecture, exporter, precision } of decoders) {
    if (!(exporter in exporters) || !precisions.includes(precision))
      throw new Error(`no place for ${architecture}, ${exporter}, ${precision}`);
    const name = names[architecture] ?? architecture;
    const row = rows.get(name) ?? new Map();
    row.set(exporter, new Set([...(row.get(exporter) ?? []), precision]));
    rows.set(name, row);
  }
  // Architectures with the same cells share a line.
  const lines = new Map();
  for (const [name, row] of rows) {
    const cells = Object.keys(exporters)
      .map((exporter) => precisions.filter((p) => row.get(exporter)?.has(p)).join(', '))
      .join(' | ');
    lines.set(cells, [...(lines.get(cells) ?? []), name]);
  }
  return [
    `| | ${Object.values(exporters).join(' | ')} |`,
    `|-|${Object.keys(exporters)
      .map(() => '-|')
      .join('')}`,
    ...[...lines].map(([cells, own]) => `| ${own.join(', ')} | ${cells} |`),
  ].join('\n');
}

const file = 'README.md';
const path = fileURLToPath(new URL(file, root));
const text = readFileSync(path, 'utf8');
const fresh = withParts(file, text, { decoders: matrix() });
if (!process.argv.includes('--check')) writeFileSync(path, fresh);
else if (fresh !== text) {
  console.error(`${file} is not what the fixtures say; node scripts/decoders.mjs writes it`);
  process.exitCode = 1;
}
