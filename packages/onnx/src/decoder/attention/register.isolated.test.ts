import { expect, test } from 'vitest';
import { smallConfig } from '../../../testing/random-decoder.js';
import { buildDecoder } from '../../builder/decoder.js';
import { randomWeights } from '../../builder/weights.js';
import { readDecoder } from '../read.js';
import type { AttentionFamily } from './family.js';
import { groupQueryAttention } from './group-query.js';
import { attentionFamilies, registerAttentionFamily } from './index.js';

const decoder = buildDecoder(smallConfig, randomWeights(1));

const own: AttentionFamily = {
  ...groupQueryAttention,
  name: 'own',
  read(graph, site) {
    const reading = groupQueryAttention.read(graph, site);
    return reading && { ...reading, family: own };
  },
};

test('a family that is registered is asked first, and only once', () => {
  expect(readDecoder(decoder).attentionFamily).toBe('group-query-attention');
  registerAttentionFamily(own);
  registerAttentionFamily(own);
  expect(attentionFamilies().filter((family) => family === own)).toHaveLength(1);
  expect(readDecoder(decoder).attentionFamily).toBe('own');
});

test('a name that is taken is refused', () => {
  expect(() => registerAttentionFamily({ ...own, name: 'spelled-out' })).toThrow(
    /a name of its own, got another one named spelled-out; taken are .*multi-head-attention/,
  );
});
