import { hubCases } from '@transprune/fixtures';
import { describePruned } from '../testing/hub-pruned.js';

describePruned(hubCases().filter(({ images }) => images.length > 0));
