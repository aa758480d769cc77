/** All prompts of the tiny models. */
import { hubCases } from '@transprune/fixtures';
import { describePrompts, prunable } from '../testing/describe.js';

describePrompts(hubCases().filter(({ model }) => prunable.some((name) => name === model)));
