/**
 * A text in lines of at most so many characters, broken between words; longer words are broken too. Lines that
 * fit stay as they are.
 */
export function wrap(text: string, width: number): string[] {
  return text
    .split('\n')
    .flatMap((line) => (line.length <= width ? [line] : wrapLine(line, width)));
}

function wrapLine(line: string, width: number): string[] {
  const lines: string[] = [];
  const indent = /^\s*/.exec(line)?.[0] ?? '';
  const pieces = line
    .trim()
    .split(/\s+/)
    .flatMap((word) => chunks(word, width));
  for (const [at, piece] of pieces.entries()) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + piece.length <= width) {
      lines[lines.length - 1] = `${last} ${piece}`;
    } else lines.push(at === 0 && indent.length + piece.length <= width ? indent + piece : piece);
  }
  return lines;
}

function chunks(word: string, width: number): string[] {
  const count = Math.max(1, Math.ceil(word.length / width));
  return Array.from({ length: count }, (_, at) => word.slice(at * width, (at + 1) * width));
}
