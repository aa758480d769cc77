/** Words that messages share. */

/** `1 scene`, `2 scenes`. */
export const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Edits that a slip of the fingers may take. */
const mostEdits = 3;

/** Share of a word that they leave at least: of a short word they would leave nothing. */
const leastLeft = 0.5;

/**
 * The choice that a word may have been meant to be.
 *
 * @returns ` (did you mean fastv?)`, which follows the choices in a message; empty if none is near
 */
export function didYouMean(word: string, choices: readonly string[]): string {
  let nearest: string | undefined;
  let fewest = mostEdits + 1;
  for (const choice of choices) {
    const longer = Math.max(word.length, choice.length);
    // Words that differ more in length than that need as many edits.
    if (Math.abs(word.length - choice.length) >= fewest) continue;
    const edits = editDistance(word.toLowerCase(), choice.toLowerCase());
    if (edits >= fewest || longer - edits < leastLeft * longer) continue;
    [nearest, fewest] = [choice, edits];
  }
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
}

/** Characters that are put in, left out or changed between two words: Levenshtein's distance. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [done, character] of [...from].entries()) {
    const next = [done + 1];
    for (let at = 0; at < to.length; at++) {
      const changed = (row[at] ?? 0) + (to[at] === character ? 0 : 1);
      next.push(Math.min(changed, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
