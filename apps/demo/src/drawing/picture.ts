/** The picture with its patches: what is kept in full colour, what is dropped faded. */
import type { Grid } from '@transprune/trace';
import { fitted, themeColors } from './canvas.js';
import { heatColor } from './heat-map.js';

export interface PatchDrawing {
  readonly image: CanvasImageSource;
  readonly grid: Grid;
  /** How far each patch is faded, from 0 (kept) to 1 (dropped). */
  readonly faded: ArrayLike<number>;
  readonly kept: ReadonlySet<number>;
  /** The patch that is looked at. */
  readonly patch: number | undefined;
  /** Patches that are pointed out. */
  readonly pointed: readonly number[];
  /** Shares from 0 to 1 that colour the patches which have one. */
  readonly heat?: ReadonlyMap<number, number> | undefined;
  /** Whether lines show where patches end. */
  readonly hasLines?: boolean;
}

/** Of the card's colour over a dropped patch. */
const veil = 0.84;
/** Of a colour that stands for a number over its patch. */
const heatCover = 0.78;
/** Where the line through a dropped patch begins, as a share of its side. */
const hairline = 0.36;

export function drawPicture(canvas: HTMLCanvasElement, drawing: PatchDrawing): void {
  const { context, width, height } = fitted(canvas);
  const colors = themeColors();
  const { image, grid, faded, kept, patch, pointed, heat } = drawing;
  const cell = { width: width / grid.columns, height: height / grid.rows };
  const corner = (index: number) => ({
    x: (index % grid.columns) * cell.width,
    y: Math.floor(index / grid.columns) * cell.height,
  });
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 0, 0, width, height);
  for (let index = 0; index < grid.columns * grid.rows; index++) {
    const amount = faded[index] ?? 0;
    if (amount <= 0) continue;
    const { x, y } = corner(index);
    context.globalAlpha = amount * veil;
    context.fillStyle = colors.card;
    context.fillRect(x, y, cell.width, cell.height);
    context.globalAlpha = amount * 0.5;
    context.strokeStyle = colors.soft;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x + hairline * cell.width, y + (1 - hairline) * cell.height);
    context.lineTo(x + (1 - hairline) * cell.width, y + hairline * cell.height);
    context.stroke();
  }
  if (drawing.hasLines) {
    context.globalAlpha = 0.7;
    context.strokeStyle = colors.card;
    context.lineWidth = 1.5;
    for (let index = 0; index < grid.columns * grid.rows; index++) {
      const { x, y } = corner(index);
      context.strokeRect(x, y, cell.width, cell.height);
    }
  }
  context.globalAlpha = heatCover;
  for (const [index, share] of heat ?? []) {
    const { x, y } = corner(index);
    context.fillStyle = `rgb(${heatColor(share).join(' ')})`;
    context.fillRect(x, y, cell.width, cell.height);
  }
  context.globalAlpha = 1;
  if (kept.size < grid.columns * grid.rows) {
    const outline = outlineOf(kept, grid, cell);
    context.lineJoin = 'round';
    context.lineCap = 'round';
    for (const [color, line] of [
      [colors.card, 4.5],
      [colors.accent, 2.25],
    ] as const) {
      context.strokeStyle = color;
      context.lineWidth = line;
      context.stroke(outline);
    }
  }
  const frame = (index: number, color: string, line: number) => {
    const { x, y } = corner(index);
    context.strokeStyle = color;
    context.lineWidth = line;
    const inset = line / 2 + 1;
    context.strokeRect(x + inset, y + inset, cell.width - 2 * inset, cell.height - 2 * inset);
  };
  for (const index of pointed) frame(index, colors.warm, 2);
  if (patch !== undefined) {
    frame(patch, colors.card, 5);
    frame(patch, colors.ink, 2.5);
  }
}

/** The outline around patches that touch. */
function outlineOf(
  kept: ReadonlySet<number>,
  { columns, rows }: Grid,
  cell: { readonly width: number; readonly height: number },
): Path2D {
  const path = new Path2D();
  const isKept = (column: number, row: number) =>
    column >= 0 && column < columns && row >= 0 && row < rows && kept.has(row * columns + column);
  const line = (fromColumn: number, fromRow: number, toColumn: number, toRow: number) => {
    path.moveTo(fromColumn * cell.width, fromRow * cell.height);
    path.lineTo(toColumn * cell.width, toRow * cell.height);
  };
  for (const index of kept) {
    const column = index % columns;
    const row = Math.floor(index / columns);
    if (!isKept(column - 1, row)) line(column, row, column, row + 1);
    if (!isKept(column + 1, row)) line(column + 1, row, column + 1, row + 1);
    if (!isKept(column, row - 1)) line(column, row, column + 1, row);
    if (!isKept(column, row + 1)) line(column, row + 1, column + 1, row + 1);
  }
  return path;
}
