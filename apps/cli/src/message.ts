/** What an error says, without the word that is written in front of all of them and that commander's begin with. */
export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/^error: /, '');
