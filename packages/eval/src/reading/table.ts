/** Values separated by tabs, as pandas writes and reads them; one line that is none costs no other. */

export interface TableRow {
  /** Its first line, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

export interface Table {
  /** The names in the first row come first. */
  readonly rows: readonly TableRow[];
  /** Lines that begin no row, and why. */
  readonly faults: readonly { readonly line: number; readonly what: string }[];
}

/**
 * A cell that begins with a quote ends at the next one that is not doubled, and may hold tabs or ends of lines. One that
 * holds both, or never ends, has a stray quote: its line is a fault, and the next line begins a row again.
 */
export function readTable(text: string): Table {
  const rows: TableRow[] = [];
  const faults: { line: number; what: string }[] = [];
  let line = 1;
  for (let start = 0; start < text.length; ) {
    const lineEnd = endOf(text, '\n', start);
    const row = text.slice(start, lineEnd).trim() === '' ? undefined : rowAt(text, start);
    let next = lineEnd + 1;
    if (typeof row === 'string') faults.push({ line, what: row });
    else if (row) {
      rows.push({ line, cells: row.cells });
      next = row.end;
    }
    for (let at = text.indexOf('\n', start); at >= 0 && at < next; at = text.indexOf('\n', at + 1))
      line++;
    start = next;
  }
  return { rows, faults };
}

/** @returns the cells, and where the next row begins; or what is wrong */
function rowAt(text: string, start: number): { cells: string[]; end: number } | string {
  const cells: string[] = [];
  for (let at = start; ; ) {
    let quoted = '';
    if (text[at] === '"') {
      const closing = closingQuote(text, at + 1);
      if (closing < 0) return 'expected a closing quote, got none';
      quoted = text.slice(at + 1, closing).replaceAll('""', '"');
      if (quoted.includes('\t') && quoted.includes('\n')) {
        return 'expected a closing quote in its cell, got one in another row';
      }
      at = closing + 1;
    }
    const lineEnd = endOf(text, '\n', at);
    const end = Math.min(endOf(text, '\t', at), lineEnd);
    const rest = text.slice(at, end);
    cells.push(quoted + (end === lineEnd ? rest.replace(/\r$/, '') : rest));
    at = end + 1;
    if (end === lineEnd) return { cells, end: at };
  }
}

/** Of a quoted cell; below 0 if there is none. */
function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from);
  while (at >= 0 && text[at + 1] === '"') at = text.indexOf('"', at + 2);
  return at;
}

/** Where a mark is, or the end of the text. */
function endOf(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at < 0 ? text.length : at;
}
