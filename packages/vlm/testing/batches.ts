/** Several requests as the rows of a batch: each gets what it gets alone. */
import { join } from 'node:path';
import { createPlan } from '@transprune/core';
import { modelFolder } from '@transprune/files/node';
import type { BuildOptions } from '@transprune/onnx';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createEngine, type LocalEngine } from '../src/create.js';
import { collect, type GenerateResult } from '../src/engine/collect.js';
import type { EngineRequest } from '../src/engine/request.js';
import { answer, reply } from './ask.js';
import { embeddedDecoder, prunedBytes, watchedBackend } from './embedded.js';

const sample = (number: number) => join(samplesDirectory, `scene-${number}.png`);
const plan = createPlan({
  accumulateLayers: [2, 3, 4],
  stages: [
    { afterLayer: 2, keepRatio: 0.5 },
    { afterLayer: 4, keepRatio: 0.25 },
  ],
});

/** Images, questions and answers of different lengths, drawn so wildly that no small error stays hidden. */
const requests: readonly EngineRequest[] = [
  { question: 'describe the image', images: [sample(1)], maxNewTokens: 12 },
  { question: 'what color is the heart?', images: [sample(2), sample(3)], maxNewTokens: 9 },
  { question: 'how many circles are there', maxNewTokens: 7 },
  { question: 'describe the image', images: [sample(4)], maxNewTokens: 30 },
].map((request, at) => ({ ...request, sampling: { temperature: 2, seed: at } }));

const facts = ({ text, tokenIds, stages, cache, usage, finishReason }: GenerateResult) => ({
  text,
  tokenIds,
  stages,
  cache,
  usage,
  finishReason,
});

/** Tests of batches on the embedded decoder, laid out in several ways. */
export function describeBatches(layouts: readonly (readonly [string, BuildOptions])[]): void {
  const backend = watchedBackend();
  let base: LocalEngine;

  beforeAll(async () => {
    base = await createEngine({ files: await modelFolder(modelDirectory), backend });
  });
  afterAll(() => base.dispose());
  beforeEach(() => {
    backend.decoderFeeds.length = 0;
  });

  /** Rows of each run of the decoder. */
  const rows = () => backend.decoderFeeds.map(({ inputs_embeds: x }) => x?.dims[0] ?? 0);

  const open = (layout: BuildOptions) =>
    base.withDecoder(prunedBytes(embeddedDecoder(layout), plan, { batch: true }));

  describe.each(layouts)('a batch of %s', (_, layout) => {
    test('of four: each answer is the one it gets alone', async () => {
      const engine = await open(layout);
      const alone: GenerateResult[] = [];
      for (const request of requests) alone.push(await answer(engine, request));
      expect(Math.max(...rows())).toBe(1);
      const together = await Promise.all(requests.map((request) => answer(engine, request)));
      expect(Math.max(...rows())).toBeGreaterThan(1);
      expect(together.map(facts)).toEqual(alone.map(facts));
      await engine.dispose();
    });

    test('goes on without one that is aborted, or left', async () => {
      const engine = await open(layout);
      const [first, , third, last] = requests;
      const expected = await answer(engine, last!);
      const controller = new AbortController();
      let tokens = 0;
      const aborted = collect(engine.generate({ ...first!, signal: controller.signal }), () => {
        if (++tokens === 3) controller.abort();
      });
      const going = answer(engine, last!);
      for await (const event of engine.generate(third!)) if (event.type === 'token') break;
      expect((await aborted).finishReason).toBe('aborted');
      expect(facts(await going)).toEqual(facts(expected));
      await engine.dispose();
    });

    test('gives a conversation its row back', async () => {
      const engine = await open(layout);
      const sampling = { temperature: 2, seed: 5 };
      const turns = [
        { question: 'describe the image', images: [sample(1)], sampling, maxNewTokens: 5 },
        { question: 'what color is the heart?', sampling },
      ];
      const talk = async () => {
        const chat = engine.chat();
        const results: GenerateResult[] = [];
        for (const turn of turns) results.push(await reply(chat, turn));
        await chat.dispose();
        return results.map(facts);
      };
      const alone = await talk();
      const [both, other] = await Promise.all([talk(), answer(engine, requests[3]!)]);
      expect(both).toEqual(alone);
      expect(facts(other)).toEqual(facts(await answer(engine, requests[3]!)));
      await engine.dispose();
    });
  });
}
