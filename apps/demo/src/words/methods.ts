/** The methods to choose from, each in one plain sentence. */
import { type MethodName, methodNames } from '@transprune/core';

/** What a patch has to have to stay. */
export const methodSentences: Readonly<Record<MethodName, string>> = {
  transprune:
    'Keeps patches that the layers changed most and that the question looks at: the method of the paper.',
  transition: 'Keeps patches that the layers changed most, whatever the question is.',
  instruction: 'Keeps patches that the words of the question look at.',
  fastv: 'Keeps patches that the last word of the prompt looks at; FastV prunes once by it, early.',
  'pyramid-drop':
    'The score of fastv under the name of PyramidDrop, which prunes by it several times.',
  v2drop: 'Keeps patches that the last layer moved furthest.',
  dash: 'Keeps patches that attention still moved in the last layer, and drops those that came to rest.',
  'key-norm': 'Keeps patches whose keys are short in the next layer.',
  random: 'Keeps patches by lot: what any method has to beat.',
  'uniform-grid': 'Keeps evenly spaced patches, as a smaller picture would.',
};

/** Names as they are shown. */
export const methodTitles = Object.fromEntries(methodNames.map((name) => [name, name])) as Readonly<
  Record<MethodName, string>
>;
