import type { Outcome, SeedOutcome } from './pool.js';

/** What must not happen. */
const faults: readonly Outcome[] = ['wrong', 'error', 'hang', 'crash'];

/** How many seeds came out how. */
export class Tally {
  readonly #counts = new Map<Outcome, number>();

  add({ verdict }: SeedOutcome): void {
    this.#counts.set(verdict, this.count(verdict) + 1);
  }

  count(verdict: Outcome): number {
    return this.#counts.get(verdict) ?? 0;
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  get faults(): number {
    return faults.reduce((sum, verdict) => sum + this.count(verdict), 0);
  }

  toString(): string {
    const { total } = this;
    const shown: Outcome[] = ['right', 'refused', 'no model', 'no oracle', ...faults];
    return `${total} seeds: ${shown.map((verdict) => `${this.count(verdict)} ${verdict}`).join(', ')}`;
  }

  static isFault({ verdict }: SeedOutcome): boolean {
    return faults.includes(verdict);
  }

  /** All that is needed to find the fault again. */
  static describe({ seed, verdict, base, changes = [], plan, reason }: SeedOutcome): string {
    const lines = [`seed ${seed}: ${verdict}`, base, ...changes.map((change) => `- ${change}`)];
    if (plan) lines.push(`stages ${JSON.stringify(plan.stages)}, positions ${plan.positions}`);
    return [...lines, reason].filter((line) => line !== undefined).join('\n  ');
  }
}
