/** Builds the page and serves it, once for all tests. */
import type { TestProject } from 'vitest/node';
import { servePage } from './served.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the page is served. */
    readonly pageUrl: string;
    /** The folder that it was built into. */
    readonly pageFolder: string;
  }
}

export default async function provideServedPage({ provide }: TestProject) {
  const { url, folder, close } = await servePage();
  provide('pageUrl', url);
  provide('pageFolder', folder);
  return close;
}
