/**
 * `npx pnpm --silent --filter @transprune/demo bench [rounds]`: runs the page's benchmark of SmolVLM-256M's shape in
 * WebAssembly, and prints its JSON. Page and model come from this machine; the times are its browser's.
 */
import { runBench } from './bench-page.js';
import { openBrowser, openPage } from './page.js';
import { servePage } from './served.js';

const rounds = Number(process.argv[2] ?? 5);
const served = await servePage();
const browser = await openBrowser();
try {
  const { page } = await openPage(browser, `${served.url}#view=bench`);
  page.setDefaultTimeout(0);
  const request = { decoder: 'smolvlm-256m', device: 'wasm', weights: 'fp32', rounds } as const;
  process.stdout.write(await runBench(page, request));
} finally {
  await browser.close();
  await served.close();
}
