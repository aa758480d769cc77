import type { Page } from 'playwright';

/** More than the page has to stop at, once around. */
const mostStops = 400;

/**
 * Presses Tab until an element has the focus.
 *
 * @param name of the element, as screen readers have it
 * @throws Error if it never gets it
 */
export async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const seen: string[] = [];
  for (let stop = 0; stop < mostStops; stop++) {
    await page.keyboard.press('Tab');
    const found = await focusOf(page);
    if (typeof name === 'string' ? found === name : name.test(found)) return;
    seen.push(found);
  }
  throw new Error(`expected Tab to lead to ${name}, got ${[...new Set(seen)].join(' | ')}`);
}

/** What the element that has the focus is called; the whole page if none has it. */
export function focusOf(page: Page): Promise<string> {
  return page.evaluate(() => {
    const { activeElement: element } = document;
    const label = element?.getAttribute('aria-label') ?? element?.textContent ?? '';
    return label.trim();
  });
}
