/**
 * LFM2-VL: SigLIP 2 on tiles of `tile_size` pixels and a smaller overview; `downsample_factor^2` patches
 * are laid side by side and pass a two-layer MLP.
 *
 * Source: Lfm2VlConfig, Lfm2VlMultiModalProjector, Lfm2VlImageProcessor (whose fields the models'
 * `config.json` repeat).
 */
import { type Fields, numberIn, sizeOf } from '../fields.js';
import {
  photo,
  siglipDefaults,
  tilesOfPhoto,
  towerOf,
  twoLayers,
  type VisionFamily,
} from './reading.js';

export const lfm2Vl: VisionFamily = (outer, vision, decoderHidden) => {
  const { hiddenSize, sizes } = towerOf(vision, siglipDefaults);
  const patch = sizeOf(outer, 'encoder_patch_size', sizeOf(vision, 'patch_size', 16));
  const factor = sizeOf(outer, 'downsample_factor', 2);
  const featureLayer = numberIn(outer, 'vision_feature_layer') ?? -1;
  const layers = featureLayer < 0 ? sizes.layers + 1 + featureLayer : featureLayer;
  const edge = sizeOf(outer, 'tile_size', 512);
  const tokens = Math.floor(edge / (patch * factor)) ** 2;
  const split = outer.do_image_splitting !== false;
  const [across, down] = split
    ? tilesOfPhoto(sizeOf(outer, 'min_tiles', 2), sizeOf(outer, 'max_tiles', 10))
    : [0, 0];
  const overview =
    !split || outer.use_thumbnail !== false ? overviewTokens(outer, patch * factor) : 0;
  const tiles = `${across} x ${down} tiles of ${edge} x ${edge} pixels and ${tokens} tokens each`;
  return {
    encoder: {
      ...sizes,
      layout: { kind: 'tiles', patches: Math.floor(edge / patch) ** 2, tokens },
      layers,
      fullAttentionLayers: layers,
      projector: twoLayers(
        hiddenSize * factor ** 2,
        sizeOf(outer, 'projector_hidden_size', 2560),
        decoderHidden,
      ),
    },
    imageTokens: across * down * tokens + overview,
    imageAssumption: split
      ? `a large 4:3 picture in ${tiles}${overview > 0 ? `, and the overview of ${overview}` : ''}`
      : `a large 4:3 picture in ${overview} tokens, not split`,
  };
};

/** The photo, made small enough for `max_image_tokens`. */
function overviewTokens(outer: Fields, unit: number): number {
  const most = sizeOf(outer, 'max_image_tokens', 256);
  const shrink = Math.sqrt((photo.width * photo.height) / (most * unit ** 2));
  return Math.floor(photo.width / shrink / unit) * Math.floor(photo.height / shrink / unit);
}
