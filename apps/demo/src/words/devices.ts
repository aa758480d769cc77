/** Devices as the page names them. */
export const deviceTitles = { webgpu: 'WebGPU', wasm: 'WebAssembly' } as const;
