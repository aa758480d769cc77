import type { LayerMaps } from '@transprune/trace';
import type { TargetedPointerEvent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { drawHeatMap, heatRange } from '../../drawing/heat-map.js';
import { lookAt } from '../../state/look.js';
import { grid } from '../../state/samples.js';
import { patch, shown } from '../../state/store.js';

const rows = [
  { name: 'attention, magnitude', values: ({ attention }: LayerMaps) => attention.magnitude },
  { name: 'attention, direction', values: ({ attention }: LayerMaps) => attention.direction },
  { name: 'FFN, magnitude', values: ({ ffn }: LayerMaps) => ffn.magnitude },
  { name: 'FFN, direction', values: ({ ffn }: LayerMaps) => ffn.direction },
] as const;

export function LayersCard() {
  const layers = shown.value?.layers ?? [];
  return (
    <section class="card layers-card" aria-label="Through the layers">
      <h2>
        Through the layers{' '}
        <small>
          how much each module changes a token (magnitude) and where to (direction), one scale a row
        </small>
      </h2>
      {layers.length === 0 ? (
        <p class="note">These maps come after an answer.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must take the focus
        <section class="heat" tabIndex={0} aria-label="Heat maps, a column a layer">
          <div class="heads" style={{ '--layers': layers.length }}>
            <span />
            {layers.map(({ layer }) => (
              <span key={layer}>layer {layer}</span>
            ))}
          </div>
          {rows.map((row) => (
            <HeatRow key={row.name} {...row} layers={layers} />
          ))}
        </section>
      )}
    </section>
  );
}

function HeatRow(props: {
  readonly name: string;
  readonly values: (maps: LayerMaps) => readonly number[];
  readonly layers: readonly LayerMaps[];
}) {
  const { name, values, layers } = props;
  const range = heatRange(layers.flatMap(values));
  return (
    <div class="maps" style={{ '--layers': layers.length }}>
      <span>
        {name}
        <small class="numbers">
          {range[0].toFixed(2)} <i aria-hidden="true" /> {range[1].toFixed(2)}
        </small>
      </span>
      {layers.map((maps) => (
        <HeatMap
          key={maps.layer}
          label={`${name}, layer ${maps.layer}`}
          values={values(maps)}
          range={range}
        />
      ))}
    </div>
  );
}

function HeatMap(props: {
  readonly label: string;
  readonly values: readonly number[];
  readonly range: readonly [number, number];
}) {
  const { label, values, range } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current) drawHeatMap(canvas.current, values, range, grid);
  }, [values, range]);
  const pointAt = (event: TargetedPointerEvent<HTMLCanvasElement>) => {
    const area = event.currentTarget.getBoundingClientRect();
    const at = (share: number, count: number) =>
      Math.min(count - 1, Math.max(0, Math.floor(share * count)));
    const x = at((event.clientX - area.left) / area.width, grid.columns);
    const y = at((event.clientY - area.top) / area.height, grid.rows);
    lookAt(y * grid.columns + x);
  };
  const column = patch.value % grid.columns;
  const row = Math.floor(patch.value / grid.columns);
  return (
    <div class="map">
      <canvas
        ref={canvas}
        role="img"
        aria-label={label}
        title={`${label}: ${(values[patch.value] ?? 0).toFixed(3)} at the patch`}
        onPointerDown={pointAt}
        onPointerMove={pointAt}
      />
      <i
        class="here"
        aria-hidden="true"
        style={{
          left: `${(100 * column) / grid.columns}%`,
          top: `${(100 * row) / grid.rows}%`,
          width: `${100 / grid.columns}%`,
          height: `${100 / grid.rows}%`,
        }}
      />
    </div>
  );
}
