/** Builds the page and serves it, once for all tests: with the embedded model, and with a small one. */
import type { TestProject } from 'vitest/node';
import { servePage } from './served.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the page is served. */
    readonly pageUrl: string;
    /** The folder that it was built into. */
    readonly pageFolder: string;
    /** Where the page with the small model is served. */
    readonly smallPageUrl: string;
  }
}

export default async function provideServedPage({ provide }: TestProject) {
  const page = await servePage();
  const small = await servePage('small-model');
  provide('pageUrl', page.url);
  provide('pageFolder', page.folder);
  provide('smallPageUrl', small.url);
  return async () => {
    for (const { close } of [page, small]) await close();
  };
}
