/** Where the rows of a batch lie after a Reshape. */
import type { Size } from './sizes-of.js';
import { rowAxis, type Tokens } from './token-types.js';

/** Other sizes. */
interface Reshaped {
  /** As the node is told them. */
  readonly given: readonly Size[];
  /** The same, sizes that are copied filled in. */
  readonly target: readonly Size[];
  /** The axis of the tokens among them. */
  readonly own: number;
}

/** An axis and its size; or the rows lie along the tokens' axis, before them. */
type Rows = { readonly axis: number; readonly size: 'batch' | 'rows' } | 'along tokens';

const isNumber = (size: Size): size is number => typeof size === 'number' && size >= 0;

const product = (sizes: readonly Size[]) =>
  sizes.reduce<number>((total, size) => total * (isNumber(size) ? size : 1), 1);

/**
 * Numbers keep their order: rows stay apart where as much lies before them as did, and one size that is no fixed number
 * holds them, and what each has before its tokens.
 *
 * @returns undefined where rows may be cut or mixed
 */
export function rowsReshaped(tokens: Tokens, { given, target, own }: Reshaped): Rows | undefined {
  const { dims, axis } = tokens;
  const rows = rowAxis(tokens);
  if (rows > axis) return afterTokens(tokens, given, target);
  const [leading, between] =
    rows < 0 ? [dims.slice(0, axis), []] : [dims.slice(0, rows), dims.slice(rows + 1, axis)];
  if (!leading.every(isNumber)) return undefined;
  const before = target.slice(0, own);
  const told = before.indexOf('batch');
  const at = told < 0 ? before.findIndex((size) => !isNumber(size)) : told;
  if (at < 0) return product(before) === product(leading) ? 'along tokens' : undefined;
  const [head, rest] = [before.slice(0, at), before.slice(at + 1)];
  const hasAll = rows >= 0 && product(rest) === product(between) && dims[rows] === 'batch';
  // A single size that is not known is what is left over of the others.
  const isHead = head.every(isNumber)
    ? product(head) === product(leading)
    : hasAll && head.length === 1;
  if (!isHead || !rest.every(isNumber)) return undefined;
  return { axis: at, size: told >= 0 || hasAll ? 'batch' : 'rows' };
}

/** The same where rows lie after the tokens: all up to them is copied, or all from them on is one axis. */
function afterTokens(
  tokens: Tokens,
  given: readonly Size[],
  target: readonly Size[],
): Rows | undefined {
  const { dims } = tokens;
  const rows = rowAxis(tokens);
  const isCopied = (at: number) =>
    given[at] === 0 || (given[at] === dims[at] && dims[at] !== undefined);
  const areCopied = (count: number) => dims.slice(0, count).every((_, at) => isCopied(at));
  if (areCopied(rows + 1)) return { axis: rows, size: dims[rows] === 'rows' ? 'rows' : 'batch' };
  const isLast = target.length === rows + 1 && target[rows] === -1;
  return isLast && areCopied(rows) ? { axis: rows, size: 'rows' } : undefined;
}
