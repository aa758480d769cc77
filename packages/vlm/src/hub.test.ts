/** Of each tiny model a prompt with one image, one with two and one without; all are in the long suite. */
import { hubCases, hubModels } from '@transprune/fixtures';
import { describeHub } from '../testing/hub.js';

const cases = hubCases();
describeHub(
  hubModels.flatMap((model) =>
    [1, 2, 0].flatMap(
      (count) => cases.find((each) => each.model === model && each.images.length === count) ?? [],
    ),
  ),
);
