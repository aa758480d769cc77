/** What the command writes is what readers of benchmarks, the page among them, take. */
import { parseBench } from '@transprune/bench';
import { expect, test } from 'vitest';
import { officialDecoder } from '../../testing/models.js';
import { transpruneJson } from '../../testing/program.js';

test('the document is read again', async () => {
  const counts = ['--image-tokens', '40', '--text-tokens', '8', '--runs', '2', '--device', 'cpu'];
  const written = await transpruneJson('bench', '--model', officialDecoder, ...counts);
  const { nodes, prefillTimes, stages } = parseBench(JSON.stringify(written));
  expect({ nodes, prefillTimes, stages }).toMatchObject({
    nodes: { baseline: { prefill: { nodes: expect.any(Number) } } },
    prefillTimes: { pruned: { values: [expect.any(Number), expect.any(Number)] } },
    stages: [{ imageTokens: 35 }, { imageTokens: 25 }, { imageTokens: 5 }],
  });
});
