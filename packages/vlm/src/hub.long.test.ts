/** Tiny models of many classes: the engine's tokens are those of the stock library in every case. */
import { hubCases } from '@transprune/fixtures';
import { describeHub } from '../testing/hub.js';

describeHub(hubCases());
