/**
 * Leaves out the spaces around a text that comes in pieces, so that a streamed answer is the one that comes at
 * once.
 *
 * @returns takes a piece, and gives what may be shown
 */
export function trimming(): (piece: string) => string {
  let held = '';
  let hasBegun = false;
  return (piece) => {
    held += piece;
    if (!hasBegun) held = held.trimStart();
    const shown = held.trimEnd();
    held = held.slice(shown.length);
    hasBegun ||= shown !== '';
    return shown;
  };
}
