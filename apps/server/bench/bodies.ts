/**
 * Memory of a server that many clients send large bodies to, each without the last byte: `pnpm --filter
 * @transprune/server bodies [connections]`. The server is in this process; all clients send the same bytes.
 */
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createServer, defaultLimits } from '@transprune/server';
import pino from 'pino';
import { residentMebibytes } from './memory.js';

const [connections = '512'] = process.argv.slice(2);
const { bodyBytes } = defaultLimits;
const server = createServer({ log: pino({ level: 'error' }, pino.destination(2)) });
const { hostname, port } = new URL(await server.listen());
const head = `POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${bodyBytes}\r\n\r\n`;
const body = Buffer.alloc(bodyBytes - 1, 'x');

const statuses: Record<string, number> = {};
const resident = () => residentMebibytes().server ?? 0;
const before = resident();
let most = before;
const timer = setInterval(() => {
  most = Math.max(most, resident());
}, 20);
const sockets = Array.from({ length: Number(connections) }, () => {
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on('error', () => {});
  socket.on('data', (data) => {
    const [, status] = /^HTTP\/1\.1 (\d+)/.exec(String(data)) ?? [];
    if (status) statuses[status] = (statuses[status] ?? 0) + 1;
  });
  socket.write(head);
  socket.write(body);
  return socket;
});
await pause(15_000);
const refused = Object.values(statuses).reduce((sum, count) => sum + count, 0);
console.log(
  JSON.stringify({ connections: sockets.length, statuses, held: sockets.length - refused }),
);
for (const socket of sockets) socket.destroy();
clearInterval(timer);
await server.close();
console.log(JSON.stringify({ residentMiB: { before, most } }));
