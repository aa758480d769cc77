// Draws which patches of a scene each prune keeps, as an SVG that holds the scene itself.

/** Width of one view of the scene. */
const size = 192;
const gap = 16;
const line = 22;
const background = '#ffffff';

/**
 * @param scene bytes of the scene's PNG
 * @param question what was asked
 * @param views for each preset its name and the JSON of `transprune run --compare`
 */
export function keptPatches(scene, question, views) {
  const rows = views.map(({ name, run }) => ({
    label: `TransPrune-${name[0].toUpperCase()}${name.slice(1)}: ${run.pruned.answer}`,
    grid: Math.sqrt(run.imageTokens),
    stages: [
      { title: 'all', kept: Array.from({ length: run.imageTokens }, (_, i) => i) },
      ...run.plan.stages.map(({ afterLayer }, i) => ({
        title: `after layer ${afterLayer}`,
        kept: run.pruned.keptImageTokens[i],
      })),
    ],
  }));
  const columns = Math.max(...rows.map(({ stages }) => stages.length));
  const width = columns * (size + gap) + gap;
  const rowHeight = 2 * line + size + gap;
  const height = 2 * line + rows.length * rowHeight;
  const image = `data:image/png;base64,${scene.toString('base64')}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="14">`,
    `<rect width="${width}" height="${height}" fill="${background}"/>`,
    `<text x="${gap}" y="${line}" font-weight="bold">${escapeText(question)}</text>`,
    ...rows.flatMap((row, r) => drawRow(row, 2 * line + r * rowHeight, image)),
    '</svg>',
    '',
  ].join('\n');
}

function drawRow({ label, grid, stages }, top, image) {
  return [
    `<text x="${gap}" y="${top}">${escapeText(label)}</text>`,
    ...stages.flatMap(({ title, kept }, column) => {
      const left = gap + column * (size + gap);
      const patch = size / grid;
      const remaining = new Set(kept);
      const dropped = Array.from({ length: grid * grid }, (_, i) => i).filter(
        (i) => !remaining.has(i),
      );
      const cells = dropped.map(
        (i) =>
          `M${(i % grid) * patch} ${Math.floor(i / grid) * patch}h${patch}v${patch}h-${patch}z`,
      );
      return [
        `<g transform="translate(${left} ${top + line / 2})">`,
        `<image width="${size}" height="${size}" href="${image}" image-rendering="pixelated"/>`,
        `<path d="${cells.join('')}" fill="${background}" fill-opacity="0.85"/>`,
        `<text y="${size + line - 4}">${escapeText(title)}: ${kept.length}</text>`,
        '</g>',
      ];
    }),
  ];
}

function escapeText(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
