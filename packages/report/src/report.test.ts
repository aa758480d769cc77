import type { Answer, Trace } from '@transprune/trace';
import { decode, encode } from 'fast-png';
import { parseHTML } from 'linkedom';
import { expect, test } from 'vitest';
import { keptPatches } from './kept-patches.js';
import { layerMaps } from './layer-maps.js';
import { pageHtml } from './page.js';
import { svgToPng } from './png.js';
import { scoreHistograms } from './score-histograms.js';
import { traceFigures, tracePage } from './trace-report.js';
import { tradeOff } from './trade-off.js';

const red = encode({ data: Uint8Array.from([200, 0, 0]), width: 1, height: 1, channels: 3 });
const answer: Answer = {
  text: 'a <b>red</b> star',
  finishReason: 'stop',
  tokens: 1,
  pictureSize: 60,
  firstTokenMs: 30,
  visionMs: 10,
  prefillMs: 15,
  firstStepMs: 5,
  tokensPerSecond: 20,
  imageTokensPerLayer: [6, 6, 4, 2],
  kvCacheBytes: 2048,
  multiplyAdds: 5e6,
};
const patches = [0, 1, 2, 3, 4, 5];
const trace: Trace = {
  format: 'transprune-trace',
  version: 1,
  model: 'tiny',
  device: 'cpu',
  question: 'what is <here>?',
  picture: {
    name: 'red.png',
    width: 60,
    height: 40,
    url: `data:image/png;base64,${Buffer.from(red).toString('base64')}`,
  },
  grid: { columns: 3, rows: 2 },
  plan: {} as Trace['plan'],
  imageTokens: 6,
  textTokens: 4,
  pruned: answer,
  stages: [
    {
      afterLayer: 2,
      keepRatio: 0.7,
      candidates: patches,
      kept: [0, 2, 3, 5],
      scores: [6, 1, 5, 4, 2, 3],
      parts: undefined,
    },
    {
      afterLayer: 3,
      keepRatio: 0.4,
      candidates: [0, 2, 3, 5],
      kept: [0, 2],
      scores: [4, 3, 2, 1],
      parts: undefined,
    },
  ],
  layers: [1, 2].map((layer) => ({
    layer,
    attention: { magnitude: [0, 1, 2, 3, 4, 5], direction: patches.map(() => layer) },
    ffn: { magnitude: patches, direction: patches },
  })),
};

const elements = (svg: string, selector: string) => [
  ...parseHTML(`<html><body>${svg}</body></html>`).document.querySelectorAll(selector),
];

test('the picture is drawn for all patches and for each prune, what is dropped faded', () => {
  const { svg } = keptPatches(trace);
  expect(elements(svg, 'image')).toHaveLength(3);
  // Two patches are gone after the first prune, four after the second.
  expect(elements(svg, 'g[aria-label="rect"] rect')).toHaveLength(6);
  for (const title of ['all 6', 'after layer 2: 4', 'after layer 3: 2'])
    expect(svg).toContain(title);
  const { data, width, channels } = decode(svgToPng(svg, { scale: 1 }));
  // The middle of the first view: the picture, unfaded.
  const at = (Math.floor(100 * width) + 100) * channels;
  expect([...data.slice(at, at + 3)]).toEqual([200, 0, 0]);
});

test('histograms count every candidate once, what is kept apart', () => {
  const { svg } = scoreHistograms(trace);
  const bars = elements(svg, 'g[aria-label="rect"] rect');
  const fills = new Set(bars.map((bar) => bar.getAttribute('fill')));
  expect(fills.size).toBe(2);
  expect(svg).toContain('after layer 3');
});

test('maps of all layers share one scale', () => {
  const figures = layerMaps(trace);
  expect(figures.map(({ title }) => title)).toEqual([
    'Attention: magnitude',
    'Attention: direction',
    'FFN: magnitude',
    'FFN: direction',
  ]);
  const shades = elements(figures[1]!.svg, 'image').map((image) => {
    const url = image.getAttribute('href') ?? image.getAttribute('xlink:href') ?? '';
    return [...decode(Buffer.from(url.split(',')[1]!, 'base64')).data.slice(0, 3)];
  });
  // Layer 1 is all least, layer 2 all most; the third image is the legend.
  expect(shades[0]).toEqual([68, 1, 84]);
  expect(shades[1]).toEqual([253, 231, 37]);
  expect(layerMaps({ ...trace, layers: [] })).toEqual([]);
});

test('a page is whole in itself, and shows text as text', () => {
  const html = pageHtml(tracePage(trace));
  expect(html).toContain('what is &lt;here&gt;?');
  expect(html).toContain('a &lt;b&gt;red&lt;/b&gt; star');
  expect(html).not.toMatch(/(src|href)="(?!data:|#)/);
  expect(elements(html, 'figure')).toHaveLength(traceFigures(trace).length);
});

test('a trade-off names every point and joins those of a family', () => {
  const point = (family: string, cost: number) => ({
    name: `${family} at ${cost}`,
    family,
    cost,
    accuracy: cost,
    low: cost - 0.1,
    high: cost + 0.1,
  });
  const points = [point('random', 0.5), point('random', 0.3), point('transprune', 0.4)];
  const { svg } = tradeOff(points, 'prefill FLOPs');
  for (const { name } of points) expect(svg).toContain(name);
  expect(elements(svg, 'g[aria-label="line"] path')).toHaveLength(2);
});

test('names of points that are as right stand below each other', () => {
  const point = (name: string) => ({
    ...{ name, family: name, cost: 0.5, accuracy: 0.8, low: 0.7, high: 0.9 },
  });
  const { svg } = tradeOff([point('first'), point('second')], 'FLOPs');
  const [first, second] = elements(svg, 'g[aria-label="text"] text').map((text) =>
    text.getAttribute('transform'),
  );
  expect(first).toBeTruthy();
  expect(first).not.toBe(second);
});

test('the front is a line, and what is chosen a ring', () => {
  const point = (cost: number, isOnFront: boolean, isChosen = false) => ({
    ...{ name: '', family: 'one', cost, accuracy: cost, low: cost, high: cost },
    ...{ isOnFront, isChosen },
  });
  const points = [point(0.2, true), point(0.5, true, true), point(0.8, false)];
  const { svg, caption } = tradeOff(points, 'time');
  expect(elements(svg, 'g[stroke-dasharray] path')).toHaveLength(1);
  expect(elements(svg, 'circle[r="8"]')).toHaveLength(1);
  expect(caption).toMatch(/Dashed: .* Ringed: /);
  expect(tradeOff([point(0.2, false)], 'time').caption).not.toMatch(/Dashed|Ringed/);
});
