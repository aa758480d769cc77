/** Another server that pictures are fetched from. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { onTestFinished } from 'vitest';

/** A server that ends with the test, and an agent for which every name means it. */
export async function elsewhere(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({
    connect: {
      lookup: (_name, { all }, callback) =>
        all
          ? callback(null, [{ address: '127.0.0.1', family: 4 }])
          : callback(null, '127.0.0.1', 4),
    },
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port, network: { agent, protocols: ['http:'] } };
}
