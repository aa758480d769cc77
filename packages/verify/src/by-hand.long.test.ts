import { plansByHand, testByHand } from '../testing/by-hand-tests.js';

testByHand(plansByHand);
