/** All prompts of the tiny models. */
import { hubCases } from '@transprune/fixtures';
import { describePrompts } from '../testing/describe.js';

describePrompts(hubCases());
