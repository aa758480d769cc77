import type { LayerGroup } from '@transprune/onnx';
import type { ModelReport } from '../../worker/model-protocol.js';

/** What a decoder's file is made of, and whether it can be pruned. */
export function StructureReport(props: { readonly name: string; readonly report: ModelReport }) {
  const { inspection, externalFiles } = props.report;
  const { prunable, reason, layers, hiddenSize, heads, kvHeads, headDim } = inspection;
  const rows: readonly (readonly [string, string | number | undefined])[] = [
    ['layers', layers],
    ['hidden size', hiddenSize],
    ['MLP size', inspection.intermediateSize],
    ['vocabulary', inspection.vocabularySize],
    ['heads', heads && `${heads} x ${headDim ?? '?'}, ${kvHeads ?? '?'} for keys and values`],
    ['attention', inspection.attentionFamily],
    ['written by', inspection.producer || inspection.exporterFamily],
    ['operator set', inspection.opset],
    ['nodes', inspection.nodes],
    ['weights beside it', externalFiles.join(', ') || 'none'],
  ];
  return (
    <section class="card" aria-label="Structure">
      <h2>
        {props.name} <small>what it is made of</small>
      </h2>
      <p class={prunable ? 'verdict' : 'verdict failure'}>
        {prunable ? 'It can be pruned.' : `It cannot be pruned: ${reason}.`}
      </p>
      <dl class="structure numbers">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value ?? 'unknown'}</dd>
          </div>
        ))}
      </dl>
      <h3>Layers</h3>
      <ul class="layer-groups">
        {inspection.decoders.flatMap(({ layerGroups }, branch) =>
          layerGroups.map((group) => (
            <li key={`${branch} ${group.layers}`}>
              <b>{rangesOf(group.layers)}</b> {groupWords(group)}
            </li>
          )),
        )}
      </ul>
    </section>
  );
}

function groupWords({ mixer, operator, projections, rotary, window, norms }: LayerGroup): string {
  const words = [
    `${mixer} (${operator})`,
    `${projections.matrices} projections by ${projections.operator}`,
    rotary && `rotary embedding ${rotary}`,
    window !== null && `window of ${window} tokens`,
    norms.ffn && `${norms.ffn} before the MLP`,
  ];
  return words.filter(Boolean).join('; ');
}

/** Numbers in ascending order, runs of them in short. */
function rangesOf(layers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const layer of layers) {
    const last = runs.at(-1);
    if (last && last[1] === layer - 1) last[1] = layer;
    else runs.push([layer, layer]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`)).join(', ');
}
