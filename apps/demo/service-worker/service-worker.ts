/**
 * Keeps the page's files, so that it opens without a network after the first visit, and answers with the
 * headers that threads of WebAssembly need, which static hosts don't send.
 */

/** Written in front of this file when it is built. */
declare const page: { readonly version: string; readonly files: readonly string[] };

const worker = self as unknown as ServiceWorkerGlobalScope;
const cacheName = `transprune-${page.version}`;

worker.addEventListener('install', (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(cacheName);
      const files = ['./', ...page.files.filter((file) => file !== 'index.html')];
      // Not what the browser kept of the version before.
      await cache.addAll(files.map((file) => new Request(file, { cache: 'no-cache' })));
      await worker.skipWaiting();
    })(),
  );
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      const names = await caches.keys();
      const old = names.filter((name) => name.startsWith('transprune-') && name !== cacheName);
      await Promise.all(old.map((name) => caches.delete(name)));
      await worker.clients.claim();
    })(),
  );
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const isOwn = request.method === 'GET' && request.url.startsWith(worker.registration.scope);
  if (isOwn) event.respondWith(answer(request, (kept) => event.waitUntil(kept)));
});

/**
 * The page itself from the network while there is one; everything else from the cache.
 *
 * @param keep is told what goes on after the answer
 */
async function answer(request: Request, keep: (storing: Promise<void>) => void): Promise<Response> {
  const cache = await caches.open(cacheName);
  const { scope } = worker.registration;
  const { origin, pathname } = new URL(request.url);
  // A file that is opened by itself is not the page.
  const isPage = [scope, `${scope}index.html`].includes(`${origin}${pathname}`);
  const key = isPage ? scope : request.url;
  const kept = await cache.match(key);
  if (kept && !isPage) return isolated(kept);
  try {
    const response = await (isPage ? fetch(request) : fetch(request, { cache: 'no-cache' }));
    // Beside the answer, which comes piece by piece, and also where there is no room to keep it.
    if (response.status === 200) keep(cache.put(key, response.clone()).catch(() => {}));
    return isolated(response);
  } catch (error) {
    if (kept) return isolated(kept);
    throw error;
  }
}

function isolated(response: Response): Response {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
