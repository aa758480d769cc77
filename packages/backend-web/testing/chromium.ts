/** The browser of the tests; `CHROMIUM` names another than Debian's. */
export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium';
