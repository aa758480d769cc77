import { plansByHand, testByHand } from '../testing/by-hand-tests.js';

testByHand((depth) => plansByHand(depth).slice(0, 1), ['keep']);
