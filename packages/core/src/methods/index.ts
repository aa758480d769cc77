import type { Method } from './method.js';
import { random } from './random.js';
import { transprune } from './transprune.js';

/** Every pruning method by name; a new one is a file beside these and a line here. */
const registry = { transprune, random };

export type MethodName = keyof typeof registry;

export const methodNames = Object.keys(registry) as readonly MethodName[];

/** Looks a method up. */
export function methodByName(name: MethodName): Method {
  return registry[name];
}

export type { Method, SignalName } from './method.js';
