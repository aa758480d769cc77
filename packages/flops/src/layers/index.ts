/** All kinds of mixers and FFNs, and the cost of any. */
import { type Attention, attention } from './attention.js';
import { type Convolution, convolution } from './convolution.js';
import { type DeltaRule, deltaRule } from './delta-rule.js';
import { type Experts, experts } from './experts.js';
import type { FfnKind, MixerKind } from './kind.js';
import { type LatentAttention, latentAttention } from './latent-attention.js';
import { type Mlp, mlp } from './mlp.js';

export type Mixer = Attention | LatentAttention | Convolution | DeltaRule;
export type Ffn = Mlp | Experts;

const mixers: { readonly [K in Mixer['kind']]: MixerKind<Extract<Mixer, { kind: K }>> } = {
  attention,
  'latent-attention': latentAttention,
  convolution,
  'delta-rule': deltaRule,
};

const ffns: { readonly [K in Ffn['kind']]: FfnKind<Extract<Ffn, { kind: K }>> } = { mlp, experts };

/** What a mixer costs, by its kind. */
export function mixerKind(mixer: Mixer): MixerKind<Mixer> {
  return mixers[mixer.kind];
}

/** What an FFN costs, by its kind. */
export function ffnKind(ffn: Ffn): FfnKind<Ffn> {
  return ffns[ffn.kind];
}

/** Mixers whose layer can score tokens: attention, of whatever kind. */
export function hasAttention(mixer: Mixer): mixer is Attention | LatentAttention {
  return mixer.kind === 'attention' || mixer.kind === 'latent-attention';
}
