/** Of each tiny model a prompt with one image; all are in the long suite. */
import { hubCases, hubModels } from '@transprune/fixtures';
import { describePruned } from '../testing/hub-pruned.js';

const cases = hubCases().filter(({ images }) => images.length === 1);
describePruned(hubModels.flatMap((model) => cases.find((each) => each.model === model) ?? []));
