/** The hub's settings in environment variables, as `huggingface_hub` reads them. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { hub } from '../../address.js';

/** Where models are kept if nobody says otherwise: `TRANSPRUNE_CACHE`, or the user's folder for caches. */
export function defaultCacheFolder(): string {
  const { TRANSPRUNE_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (TRANSPRUNE_CACHE) return TRANSPRUNE_CACHE;
  const caches = process.platform === 'win32' ? LOCALAPPDATA : XDG_CACHE_HOME;
  return join(caches || join(homedir(), '.cache'), 'transprune');
}

/** `HF_ENDPOINT`, or the hub. */
export const defaultHost = () => process.env.HF_ENDPOINT || hub;

/** `HF_TOKEN`, if there is one. */
export const defaultToken = () => process.env.HF_TOKEN?.trim() || undefined;

/** True if `HF_HUB_OFFLINE` says so. */
export const isOfflineByDefault = () =>
  /^(1|true|yes|on)$/i.test(process.env.HF_HUB_OFFLINE?.trim() ?? '');

/** A number above 0 in a variable. */
export function numberIn(name: string): number | undefined {
  const value = Number(process.env[name]);
  return value > 0 ? value : undefined;
}
