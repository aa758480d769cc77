/** Reads Protocol Buffers' text format, as far as `config.pbtxt` goes: fields, messages, lists. */

export type Message = { readonly [field: string]: Value };
export type Value = string | number | Message | readonly Value[];

/** @throws Error that shows where it is no text format */
export function parsePbtxt(text: string): Message {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^\s[\]{}:,"]+/g) ?? [];
  let at = 0;
  const take = (expected?: string) => {
    const token = tokens[at++] ?? 'the end';
    if (expected !== undefined && token !== expected) {
      throw new Error(
        `expected ${expected} after ${tokens.slice(0, at - 1).join(' ')}, got ${token}`,
      );
    }
    return token;
  };
  const list = (): Value[] => {
    const values: Value[] = [];
    while (tokens[at] !== ']') {
      values.push(value());
      if (tokens[at] !== ']') take(',');
    }
    take(']');
    return values;
  };
  const message = (end?: string): Message => {
    const fields: Record<string, Value> = {};
    while (at < tokens.length && tokens[at] !== end) {
      const name = take();
      if (!/^[a-z_]+$/.test(name)) throw new Error(`expected the name of a field, got ${name}`);
      if (name in fields) throw new Error(`expected ${name} once`);
      // Only before messages and lists of them may the colon be left out.
      if (tokens[at] !== '{' && tokens[at] !== '[') take(':');
      fields[name] = value();
    }
    if (end !== undefined) take(end);
    return fields;
  };
  const value = (): Value => {
    const token = take();
    if (token === '{') return message('}');
    if (token === '[') return list();
    if (token.startsWith('"')) return JSON.parse(token);
    return /^-?\d+$/.test(token) ? Number(token) : token;
  };
  return message();
}
