/** A page about the API that needs nothing from elsewhere. */
import { html } from 'hono/html';

interface Operation {
  readonly summary: string;
}

/** @param document what `openApiDocument` gives */
export function docsPage(document: object, modelName: string) {
  const { paths } = document as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  };
  const rows = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(
      ([method, { summary }]) =>
        html`<tr><td><code>${method.toUpperCase()} ${path}</code></td><td>${summary}</td></tr>`,
    ),
  );
  const example = JSON.stringify(
    {
      model: modelName,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: 'data:image/png;base64,...' } },
            { type: 'text', text: 'what color is the heart?' },
          ],
        },
      ],
      pruning: { preset: 'transprune-low' },
    },
    null,
    2,
  );
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>transprune</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
td { padding: .2rem 1rem .2rem 0; vertical-align: top; }
pre { background: #f3f3f3; color: #222; padding: 1rem; overflow: auto; }
</style>
<h1>transprune</h1>
<p>OpenAI's API for <code>${modelName}</code>. Any client works by its base URL, this server's with
<code>/v1</code>. The whole description is <a href="openapi.json">openapi.json</a>.</p>
<table>${rows}</table>
<h2>A picture and a question</h2>
<pre>POST /v1/chat/completions
${example}</pre>
</html>`;
}
