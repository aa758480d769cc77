/** How much structure a body's JSON may have. Of much the parser alone would keep all clients waiting for seconds. */
import type { Limits } from './limits.js';

/** Values of a request besides its texts, with room to spare. */
const structure = 20_000;

const marks = new Set([',', '[', '{'].map((mark) => mark.charCodeAt(0)));

/**
 * How many commas and opening brackets a body may have: each value of a list or an object needs one, and texts may
 * consist of them.
 */
export const mostMarks = ({ textCharacters }: Pick<Limits, 'textCharacters'>): number =>
  structure + textCharacters;

/** True for JSON with more of them; looks no further then. */
export function hasMoreMarks(json: Uint8Array, most: number): boolean {
  let found = 0;
  for (let at = 0; at < json.length; at++) {
    if (marks.has(json[at] as number) && ++found > most) return true;
  }
  return false;
}
