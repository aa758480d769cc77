/** Programs of READMEs: `js` blocks, each followed by a `text` block with what it prints. */
export interface Program {
  readonly code: string;
  readonly output: string;
}

export function programsIn(readme: string): Program[] {
  return [...readme.matchAll(/```js\n((?:(?!```).)*)```\n+(?:[^`\n]+\n+)?```text\n(.*?)```/gs)].map(
    ([, code = '', output = '']) => ({ code, output }),
  );
}
