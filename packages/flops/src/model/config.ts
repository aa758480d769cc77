/** Models by a Hugging Face `config.json`. */
import { type Fields, fieldsOf, numberIn, sizeOf } from './fields.js';
import type { Model } from './model.js';
import { textDecoder } from './text/decoder.js';
import { visionFamilies, visionReading } from './vision/index.js';
import type { VisionReading } from './vision/reading.js';

/** Image tokens that a language model is fed for the sake of comparison: those of LLaVA-1.5. */
const comparisonTokens = 576;

/** Fields of the file with the image tokens of one picture, for encoders that are not known. */
const declarations = [
  'image_seq_length',
  'mm_tokens_per_image',
  'vision_soft_tokens_per_image',
  'num_image_tokens',
] as const;

/**
 * A model's sizes from its `config.json`, parsed. What the file leaves to the defaults of its
 * configuration class in `transformers` is filled in where that class is known.
 *
 * The vision encoder is read for the families in `visionFamilies`; for any other family or encoder
 * `vision` is null and `notes` says so.
 *
 * @throws TransPruneError INVALID_MODEL that names the field that is missing or not a number,
 *   UNSUPPORTED_MODEL for a model without image tokens in its decoder or with layers not known here
 */
export function modelFromConfig(json: unknown, name = 'config.json', source = name): Model {
  const outer = fieldsOf(json, 'config.json');
  const { decoder, notes } = textDecoder(outer);
  const vision = visionReading(outer, decoder.hiddenSize);
  const assumed = vision ?? declaredTokens(outer);
  const uncounted = vision ? vision.uncounted : unknownEncoder(outer);
  return {
    name,
    source,
    decoder,
    vision: vision?.encoder ?? null,
    imageTokens: assumed.imageTokens,
    imageAssumption: assumed.imageAssumption,
    notes: [...notes, ...(uncounted === undefined ? [] : [uncounted])],
  };
}

function declaredTokens(outer: Fields): Pick<VisionReading, 'imageTokens' | 'imageAssumption'> {
  const field = declarations.find((declaration) => numberIn(outer, declaration) !== null);
  return field
    ? { imageTokens: sizeOf(outer, field), imageAssumption: `as its ${field} says` }
    : {
        imageTokens: comparisonTokens,
        imageAssumption: 'assumed, as many as LLaVA-1.5 makes',
      };
}

function unknownEncoder(outer: Fields): string | undefined {
  if (outer.vision_config === undefined) return undefined;
  const family = JSON.stringify(outer.model_type);
  const { model_type: encoder } = fieldsOf(outer.vision_config, 'vision_config');
  return visionFamilies.includes(String(outer.model_type))
    ? `the vision encoder is not counted: ${JSON.stringify(encoder)} is not one that model_type ${family} is known with`
    : `the vision encoder is not counted: model_type ${family} is not one whose encoder is known here`;
}
