/** The program of a process that rewrites one decoder. */
import { TransPruneError } from '@transprune/core';
import type { Reply, Request } from './process.js';
import { rewriteDecoder } from './rewrite.js';

const { path, options } = JSON.parse(process.argv[2] ?? '') as Request;
const reply: Reply = await rewriteDecoder(path, options).then(
  (done) => ({ done }),
  (error) => {
    if (!TransPruneError.isInstance(error)) throw error;
    const { code, message, data } = error;
    return { error: { code, message, data } };
  },
);
process.stdout.write(JSON.stringify(reply));
