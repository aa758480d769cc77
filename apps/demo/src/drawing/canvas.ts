/** Canvases that are sharp on every screen, in the page's own colours. */

/** Fits a canvas to its box on the screen; drawing then counts in CSS pixels. */
export function fitted(canvas: HTMLCanvasElement): {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
} {
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext('2d');
  if (!context) throw new Error('this browser has no canvas to draw on');
  context.scale(canvas.width / Math.max(1, width), canvas.height / Math.max(1, height));
  return { context, width, height };
}

/** Colours of the theme, as custom properties of the page. */
export function themeColors() {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    card: color('card'),
    ink: color('ink'),
    soft: color('soft'),
    line: color('line'),
    accent: color('accent'),
    cold: color('cold'),
    warm: color('warm'),
  };
}

/**
 * Calls at once, and again when the size of an element or the theme changes.
 *
 * @returns ends it
 */
export function redrawn(element: Element, draw: () => void): () => void {
  const observer = new ResizeObserver(draw);
  observer.observe(element);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', draw);
  return () => {
    observer.disconnect();
    dark.removeEventListener('change', draw);
  };
}
