/** A server as a process of its own, which prints its address and ends in order when it is told to. */
import pino from 'pino';
import { createServerIn } from '../src/server.js';

const [, , programs = '{}', options = '{}'] = process.argv;
const server = createServerIn(
  { log: pino({ level: 'silent' }), ...JSON.parse(options) },
  { programs: JSON.parse(programs) },
);
process.once('SIGTERM', async () => {
  await server.close();
  process.exit();
});
process.stdout.write(`${await server.listen()}\n`);
