/** Of each tiny model a prompt with an image; all are in the long suite. */
import { describePrompts, prunable } from '../testing/describe.js';
import { casesWith } from '../testing/hub.js';

describePrompts(prunable.flatMap((model) => casesWith(model, 1).slice(0, 1)));
