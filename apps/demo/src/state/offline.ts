/** The service worker, which keeps the page for times without a network. */

/** Longest wait for it; without it everything works, but needs the network again next time. */
const patienceMs = 3000;

/** `vite dev` serves files that change. */
const isDeveloping = import.meta.env.MODE === 'development';

/** Whether the browser allows none, as in some private windows. */
let isRefused = false;

export function startOffline(): void {
  if (!('serviceWorker' in navigator) || isDeveloping) return;
  navigator.serviceWorker.register('service-worker.js').catch(() => {
    isRefused = true;
  });
}

/** Waits until what is fetched is kept, or for a while. */
export async function offlineReady(): Promise<void> {
  const container = navigator.serviceWorker;
  if (!container || container.controller || isDeveloping || isRefused) return;
  await new Promise<void>((resolve) => {
    container.addEventListener('controllerchange', () => resolve(), { once: true });
    setTimeout(resolve, patienceMs);
  });
}
