import { describeLayouts } from '../../testing/layouts.js';

describeLayouts([
  ['positions as an input', { rotary: 'separate' }],
  ['positions as an input, float16 caches', { rotary: 'separate', precision: 'float16' }],
  ['multi-head attention', { attention: 'multi-head' }],
]);
