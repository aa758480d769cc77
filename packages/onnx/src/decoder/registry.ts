/** Families that every reading of a graph asks, those of this package and those that others add. */
import { TransPruneError } from '@transprune/core';

/** Families of one kind. */
export interface Registry<Family> {
  /** Every family, in the order of asking: those that were registered last first. */
  all(): readonly Family[];
  /**
   * Teaches every later reading another family. It is asked before those that were there. Registering the same one
   * again changes nothing.
   *
   * @throws TransPruneError INVALID_ARGUMENT for another family of a name that is taken
   */
  register(family: Family): void;
}

/**
 * @param kind what a family is called in messages, such as `an attention family`
 * @param own the families of this package, in the order of asking; the most general is the last
 */
export function createRegistry<Family extends { readonly name: string }>(
  kind: string,
  own: readonly Family[],
): Registry<Family> {
  const registered: Family[] = [];
  const all = () => [...registered, ...own];
  return {
    all,
    register(family) {
      const known = all().find(({ name }) => name === family.name);
      if (known === family) return;
      if (known) {
        const taken = all().map(({ name }) => name);
        throw new TransPruneError(
          'INVALID_ARGUMENT',
          `expected ${kind} of a name of its own, got another one named ${family.name}; taken are ${taken.join(', ')}`,
          { name: family.name },
        );
      }
      registered.unshift(family);
    },
  };
}
