import {
  changeAttribute,
  changeConstant,
  changeDomain,
  changeOperator,
  dropAttribute,
  moveNode,
  renameAll,
} from './details.js';
import { insert } from './insertions.js';
import type { Mutation, Scene } from './mutation.js';
import { bypass, cycle, dropInput, otherOutput, rewire, skip, swapInputs } from './rewirings.js';

/** Those that make more models that run are listed more than once. */
const mutations: readonly Mutation[] = [
  ...[insert, insert, insert, insert, rewire, rewire, skip, skip, swapInputs, dropInput],
  ...[bypass, cycle, otherOutput, changeAttribute, changeAttribute, dropAttribute],
  ...[changeConstant, changeConstant, changeOperator, changeOperator, changeDomain],
  ...[moveNode, renameAll],
];

/** Changes a scene in one to three places; answers what was done. */
export function mutate(found: Omit<Scene, 'fresh'>): string[] {
  let names = 0;
  const scene: Scene = { ...found, fresh: () => `mutated ${names++}` };
  const { random } = scene;
  const wanted = 1 + (random.below(6) % 3);
  const done: string[] = [];
  for (let tries = 0; done.length < wanted && tries < 20; tries++) {
    const said = random.pick(mutations)?.(scene);
    if (said !== undefined) done.push(said);
  }
  return done;
}
