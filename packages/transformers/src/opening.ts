/**
 * The seam at which a decoder is rewritten. transformers.js finds, downloads, caches and reads a model's files,
 * and chooses options for its sessions; the last step is `create` of the session's own class. There the decoder
 * of a load that asks for it is taken and rewritten. All other sessions pass as if nothing were there.
 */
import type {
  CreateSession,
  ModelSource,
  RuntimeSession,
  SessionClass,
  SessionOptions,
} from './runtime.js';

/** Opens a session in place of `create`. */
export type OpenInstead = (
  create: CreateSession,
  source: ModelSource,
  options: SessionOptions,
) => Promise<RuntimeSession>;

/** Travels through the library in `session_options`, which it copies as they are. */
const openInstead = Symbol('transprune.openInstead');

/** Functions that heed it. */
const heeding = new WeakSet<CreateSession>();

/** Session options with which sessions of a watched class are opened otherwise. */
export function optionsOpening(options: object | undefined, open: OpenInstead): object {
  return { ...options, [openInstead]: open };
}

/** Lets a class heed such options from now on. */
export function watch(sessions: SessionClass): void {
  if (heeding.has(sessions.create)) return;
  const create = sessions.create.bind(sessions);
  sessions.create = (source, options, ...others: []) => {
    const { [openInstead]: open, ...rest } = (options ?? {}) as Asked;
    return open ? open(create, source, rest) : create(source, options, ...others);
  };
  heeding.add(sessions.create);
}

interface Asked extends SessionOptions {
  readonly [openInstead]?: OpenInstead;
}
