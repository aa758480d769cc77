import { decoderPorts } from '@transprune/session';
import { expect, test } from 'vitest';
import { fakeDecoder } from '../../testing/fake-model.js';
import { Report } from './report.js';

test('a request that ends before its prefill counts its image tokens as such', () => {
  const ports = decoderPorts(fakeDecoder({ answer: [] }));
  const report = new Report(ports, 4);
  report.read({ text: '.xx.x', ids: [7, 4, 4, 7, 4], imageInputs: {} });
  const { usage, prompt, cache } = report.finish('aborted', '');
  expect(usage).toMatchObject({ promptTokens: 5, textTokens: 2, imageTokens: 3 });
  expect(cache.atEnd).toEqual({ lengths: [], bytes: 0 });
  expect(prompt).toMatchObject({ imagePositions: [1, 2, 4], imageNumbers: [1, 1, 2] });
});
