import { TransPruneError } from '../errors.js';
import { didYouMean } from '../words.js';
import { dash } from './dash.js';
import { instruction } from './instruction.js';
import { keyNormMethod } from './key-norm.js';
import { fastv, pyramidDrop } from './last-token.js';
import { type Method, signalNames } from './method.js';
import { random } from './random.js';
import { transition } from './transition.js';
import {
  isWeightedName,
  transprune,
  transpruneWith,
  type WeightedName,
  weightsOf,
} from './transprune.js';
import { uniformGrid } from './uniform-grid.js';
import { v2drop } from './v2drop.js';

/** The methods that plans know by name; a new one is a file beside these and a line here. */
const registry = {
  transprune,
  transition,
  instruction,
  fastv,
  'pyramid-drop': pyramidDrop,
  v2drop,
  dash,
  'key-norm': keyNormMethod,
  random,
  'uniform-grid': uniformGrid,
};

export type MethodName = keyof typeof registry;

export const methodNames = Object.keys(registry) as readonly MethodName[];

/**
 * A method of this package by its name, those of `transpruneWith` too.
 *
 * @throws TransPruneError INVALID_PLAN for a name that `transpruneWith` does not make
 */
export function methodByName(name: MethodName | WeightedName): Method {
  return isMethodName(name) ? registry[name] : weightedMethod(name);
}

function weightedMethod(name: WeightedName): Method {
  const weights = weightsOf(name);
  if (weights) return transpruneWith(weights);
  return fail(
    `a method that begins with transprune-alpha- must be one of transpruneWith, with alpha from 0 to 1, such as transprune-alpha-0-25 or transprune-alpha-0-5-as-printed, got ${name}`,
    name,
  );
}

/** How a plan says its method: by a name, or as the method itself. */
export interface MethodChoice {
  readonly method: string | Method;
}

/** The name of a plan's method, known here or not. */
export function methodNameOf({ method }: MethodChoice): string {
  return typeof method === 'string' ? method : method.name;
}

/**
 * The method of a plan.
 *
 * @throws TransPruneError INVALID_PLAN for a name that is none of this package's, which a plan out of a file
 *   may have, and for an object that is no method
 */
export function methodOf({ method }: MethodChoice): Method {
  if (typeof method !== 'string') return checked(method);
  if (isMethodName(method) || isWeightedName(method)) return methodByName(method);
  return fail(
    `method must be one of ${methodNames.join(', ')}, or a method itself, got the name ${method}${didYouMean(method, methodNames)}; a method of another package goes into the plan itself, in place of its name`,
    method,
  );
}

function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(registry, name);
}

/** @throws TransPruneError INVALID_PLAN for an object that is no method, or goes by the name of another */
function checked(method: Method): Method {
  const { name, needs, asks, score }: Partial<Record<keyof Method, unknown>> = method ?? {};
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]*$/.test(name)) {
    fail(
      `a method's name must be of lower-case letters, digits and hyphens, got ${JSON.stringify(name)}`,
      name,
    );
  }
  if (isMethodName(name) && registry[name] !== method) {
    fail(`a method's name must not be one of ${methodNames.join(', ')}, got ${name}`, name);
  }
  // Another formula under such a name would be taken for that one as soon as the plan is in a file.
  if (isWeightedName(name) && weightedMethod(name) !== method) {
    fail(`a method's name must not be one of transpruneWith unless it is that, got ${name}`, name);
  }
  const isSignal = (signal: unknown) => signalNames.some((known) => known === signal);
  if (!Array.isArray(needs) || needs.length === 0 || !needs.every(isSignal)) {
    fail(
      `the method ${name} must need one or more of ${signalNames.join(', ')}, got ${JSON.stringify(needs)}`,
      needs,
    );
  }
  if (asks !== undefined && asks !== 'instruction' && asks !== 'last-token') {
    fail(
      `who asks in the method ${name} must be instruction or last-token, got ${JSON.stringify(asks)}`,
      asks,
    );
  }
  if (typeof score !== 'function') {
    fail(`the method ${name} must have a function score, got ${typeof score}`, typeof score);
  }
  return method;
}

function fail(message: string, got: unknown): never {
  throw new TransPruneError('INVALID_PLAN', message, { field: 'method', got });
}

export {
  type Asking,
  defineMethod,
  type Method,
  normalizeOverImage,
  readsNextLayer,
  readsTransition,
  type SignalName,
  signalNames,
  signalsFor,
} from './method.js';
export { transprune, transpruneWith, type WeightedName } from './transprune.js';
