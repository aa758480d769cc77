import { keepAddress } from '../state/address.js';
import { device, model, phase, type View, view, views } from '../state/store.js';
import type { DeviceChoice } from '../worker/protocol.js';

const titles: Readonly<Record<View, string>> = {
  look: 'Look',
  explain: 'Explain',
  model: 'Your model',
  bench: 'Bench',
};

const devices: Readonly<Record<DeviceChoice, string>> = {
  auto: 'best device',
  webgpu: 'WebGPU',
  wasm: 'WASM',
};

export function Header() {
  return (
    <header>
      <div class="title">
        <h1>transprune</h1>
        <p>See what a vision-language model looks at, and what it drops.</p>
      </div>
      <nav aria-label="Views">
        {views.map((name) => (
          <a
            key={name}
            href={`#view=${name}`}
            aria-current={view.value === name ? 'page' : undefined}
            onClick={keepAddress}
          >
            {titles[name]}
          </a>
        ))}
      </nav>
      <DeviceChip />
    </header>
  );
}

function DeviceChip() {
  const { value: state } = model;
  const facts = state.phase === 'ready' ? state.facts : undefined;
  const running = facts && device.value === 'auto' ? `: ${devices[facts.device]}` : '';
  return (
    <label class="chip">
      <span class="hidden">Device</span>
      <select
        value={device.value}
        disabled={phase.value !== 'idle'}
        onChange={(event) => {
          device.value = event.currentTarget.value as DeviceChoice;
        }}
      >
        {Object.entries(devices).map(([name, title]) => (
          <option key={name} value={name}>
            {name === 'auto' ? `${title}${running}` : title}
          </option>
        ))}
      </select>
    </label>
  );
}
