/** A small client for streams of server-sent events. */

/** The data of each event, as they come; `[DONE]` ends them. */
export async function* eventData(body: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, data] = /^data: (.*)$/m.exec(block) ?? [];
      if (data === '[DONE]') return;
      if (data !== undefined) yield JSON.parse(data);
    }
  }
  throw new Error('expected a stream that ends with [DONE]');
}
