/** Of each tiny model a prompt with an image; all are in the long suite. */
import { hubModels } from '@transprune/fixtures';
import { describePrompts } from '../testing/describe.js';
import { casesWith } from '../testing/hub.js';

describePrompts(hubModels.flatMap((model) => casesWith(model, 1).slice(0, 1)));
