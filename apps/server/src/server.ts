/** Puts a server together, opens it and ends it. */
import { setMaxListeners } from 'node:events';
import { TransPruneError } from '@transprune/core';
import { modelDirectory } from '@transprune/embedded-model';
import pino from 'pino';
import { createApp } from './api/app.js';
import { unavailable } from './api/errors.js';
import type { Service } from './api/service.js';
import type { DownloadNotice } from './engine/download.js';
import type { StartEngine } from './engine/handle.js';
import { EnginePool } from './engine/pool.js';
import { startEngineProcess } from './engine/start-process.js';
import { imageDecoder } from './images/decoder.js';
import { chooseHosts } from './images/hosts.js';
import { type RemoteOptions, remoteImages } from './images/remote.js';
import { countBodies } from './limits/bodies.js';
import { lastWordsMs } from './limits/deadline.js';
import { keyCheck } from './limits/keys.js';
import { chooseLimits } from './limits/limits.js';
import { checkAddress, closeServer, type Listening, listen } from './listen.js';
import { createMetrics } from './metrics/metrics.js';
import { nameOf, type ServerOptions } from './options.js';
import { version } from './version.js';

export interface TransPruneServer {
  /**
   * Opens the model and takes requests.
   *
   * @returns the address, such as `http://127.0.0.1:8080`
   * @throws TransPruneError what opening the model failed with, BUSY for an address in use, INVALID_ARGUMENT for one
   *   that cannot be had; an error if the server is closed meanwhile
   */
  listen(port?: number, host?: string): Promise<string>;
  /** Takes no more requests, lets answers end for a while, ends the others properly, and frees everything. */
  close(): Promise<void>;
}

/** What tests put in other places. */
export interface Surroundings {
  /** Paths of the programs that become processes. */
  readonly programs: { readonly engine: string; readonly image: string };
  /** In place of an engine's process. */
  readonly startEngine?: StartEngine;
  readonly network?: RemoteOptions['network'];
}

const defaultVisionCacheBytes = 256 * 1024 * 1024;

/** @throws TransPruneError INVALID_ARGUMENT for options that cannot be */
export function createServerIn(
  options: ServerOptions,
  { programs, startEngine, network }: Surroundings,
): TransPruneServer {
  const { model = { folder: modelDirectory }, engines = 1, apiKeys = [] } = options;
  const {
    visionCacheBytes = defaultVisionCacheBytes,
    offline,
    preset,
    plan,
    device,
    threads,
  } = options;
  const limits = chooseLimits(options.limits);
  const imageHosts = chooseHosts(options.imageHosts ?? []);
  checkCount('engines', engines);
  checkPlan(plan);
  const { active } = limits;
  const settings = { model, offline, preset, plan, device, threads, active, visionCacheBytes };
  const log = options.log ?? pino({}, pino.destination(2));
  const onDownload = ({ type, ...notice }: DownloadNotice) => {
    if (type === 'retry') log.warn(notice, 'fetching failed, and is tried again');
    else log.info(notice, 'fetching');
  };
  const pool = new EnginePool(
    startEngine ??
      ((signal) => startEngineProcess(programs.engine, settings, { signal, onDownload })),
    {
      engines,
      active,
      waiting: limits.waiting,
      onTrouble: (what, err) => log.error({ err }, what),
    },
  );
  const decoder = imageDecoder(programs.image, limits);
  const remote = remoteImages({ hosts: imageHosts, limits, ...(network && { network }) });
  const shutdown = new AbortController();
  // Each request listens to it.
  setMaxListeners(0, shutdown.signal);
  let listening: Listening | undefined;
  let closing: Promise<void> | undefined;

  const close = async () => {
    pool.retire();
    const end = () => shutdown.abort(unavailable('shutting_down', 'the server ends; ask another'));
    const server = listening?.server;
    const timers = [
      setTimeout(end, limits.shutdownMs),
      // Whoever does not read what is sent, or sends and sends.
      setTimeout(() => server?.closeAllConnections(), limits.shutdownMs + lastWordsMs),
    ];
    if (server) await closeServer(server);
    for (const timer of timers) clearTimeout(timer);
    end();
    decoder.close();
    await Promise.all([pool.close(), remote.close()]);
  };
  return {
    async listen(port = 0, host = '127.0.0.1') {
      // A model may take minutes.
      await checkAddress({ host, port });
      if ('hub' in model) log.info({ model: model.hub }, 'opening; what is not here is fetched');
      const facts = await pool.open();
      const service: Service = {
        modelName: options.modelName ?? nameOf(model),
        created: Math.floor(Date.now() / 1000),
        version,
        facts,
        limits,
        bodies: countBodies(limits),
        pool,
        decoder,
        remote,
        imageHosts,
        metrics: createMetrics(pool),
        checkKey: keyCheck(apiKeys),
        log,
        logContent: options.logContent ?? false,
        shutdown: shutdown.signal,
      };
      try {
        listening = await listen(createApp(service), { host, port }, limits);
      } catch (error) {
        await pool.close();
        throw error;
      }
      if (closing) {
        await closeServer(listening.server);
        throw unavailable('shutting_down', 'the server was closed');
      }
      const { url } = listening;
      const { device, formats } = facts;
      log.info({ url, model: service.modelName, formats, device }, 'listening');
      return url;
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** A plan goes to other processes, which a function cannot. */
function checkPlan(plan: ServerOptions['plan']): void {
  if (plan === undefined || typeof plan.method === 'string') return;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a plan that names its method, got one with the method ${plan.method.name} itself; prune the decoder beforehand`,
    { field: 'plan.method' },
  );
}

function checkCount(field: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `${field} must be a whole number from 1, got ${value}`,
    { field, got: value },
  );
}
