// What scripts write into the documentation stands between `<!-- NAME:start -->` and `<!-- NAME:end -->`.

/**
 * A text with other parts between its markers.
 *
 * @param file how the text is called in an error
 * @param parts by name
 */
export function withParts(file, text, parts) {
  return Object.entries(parts).reduce((whole, [name, part]) => {
    const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
    const [from, to] = [whole.indexOf(start), whole.indexOf(end)];
    if (from < 0 || to < from)
      throw new Error(`${file} has no place for ${name}: ${start} ... ${end}`);
    return `${whole.slice(0, from + start.length)}\n${part}\n${whole.slice(to)}`;
  }, text);
}
