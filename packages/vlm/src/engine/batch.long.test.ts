import { describeBatches } from '../../testing/batches.js';

describeBatches([
  ['multi-head attention', { attention: 'multi-head' }],
  ['grouped queries, rotated outside', { rotary: 'separate' }],
]);
