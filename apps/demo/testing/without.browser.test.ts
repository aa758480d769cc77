import { test } from 'vitest';

test.skip('in a browser, without one (apt-get install chromium, or set CHROMIUM)', () => {});
