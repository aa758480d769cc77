/** The browser of the tests; `CHROMIUM` names another than Debian's. */
export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** WebGPU in software, as machines without a graphics card have it. */
export const chromiumFlags = [
  ...['--no-sandbox', '--disable-dev-shm-usage'],
  ...['--enable-unsafe-webgpu', '--enable-features=Vulkan', '--use-webgpu-adapter=swiftshader'],
];
