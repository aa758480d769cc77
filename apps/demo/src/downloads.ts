/** What the page fetches when the model is loaded, by path below the page's folder, with bytes. */

/** Written by `vite.config.ts`, which knows the files. */
declare const __DOWNLOADS__: {
  readonly model: Readonly<Record<string, number>>;
  readonly runtime: Readonly<Record<string, number>>;
};

export const downloads = __DOWNLOADS__;

const sum = (sizes: Readonly<Record<string, number>>) =>
  Object.values(sizes).reduce((all, bytes) => all + bytes, 0);

export const modelBytes = sum(downloads.model);
export const runtimeBytes = sum(downloads.runtime);
