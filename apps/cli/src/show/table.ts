import Table from 'cli-table3';

/**
 * A bordered table without color: names to the left, values to the right.
 *
 * @param head empty for a table without one
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = Math.max(head.length, ...rows.map((row) => row.length));
  const drawn = new Table({
    head: [...head],
    colAligns: Array.from({ length: columns }, (_, at) => (at === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) drawn.push([...row]);
  return drawn.toString();
}
