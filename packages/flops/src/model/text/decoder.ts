/** A decoder by the fields of a `config.json`. */
import type { DecoderDescription, LayerDescription } from '../decoder.js';
import { type Fields, sizeOf } from '../fields.js';
import { extrasOf, ffnOf } from './ffns.js';
import { textFields } from './index.js';
import { layerTypes, mixerOf, type TextContext } from './mixers.js';
import { refuseUnsupported } from './refused.js';

/** A decoder, and what about it was taken for granted. */
export interface TextReading {
  readonly decoder: DecoderDescription;
  readonly notes: readonly string[];
}

/**
 * Reads the decoder. Fields that the file leaves out are those of its configuration class in
 * `transformers`, where that is known.
 *
 * @param outer the whole `config.json`
 * @throws TransPruneError INVALID_MODEL that names the field that is missing or not a number,
 *   UNSUPPORTED_MODEL for a decoder without image tokens or with layers that are not known
 */
export function textDecoder(outer: Fields): TextReading {
  const { given, modelType, family } = textFields(outer);
  refuseUnsupported(outer, given);
  const merged = { ...family?.defaults, ...given };
  const fields = family?.derive?.(merged) ?? merged;
  const remedy = family
    ? `; the file relies on the defaults of its class, and ${family.source} has none for it`
    : `; the file relies on the defaults of its class, and those of model_type ${JSON.stringify(modelType) ?? 'nothing'} are not known here`;
  const context: TextContext = {
    fields,
    family,
    size: (name, from = fields) => sizeOf(from, name, undefined, remedy),
  };
  const hiddenSize = context.size('hidden_size');
  const layers = context.size('num_hidden_layers');
  const types = layerTypes(context, layers);
  const { beside, entry, exit } = extrasOf(context, layers);
  return {
    decoder: {
      hiddenSize,
      vocabularySize: context.size('vocab_size'),
      tiedEmbeddings:
        (given.tie_word_embeddings ?? outer.tie_word_embeddings ?? fields.tie_word_embeddings) ===
        true,
      layers: types.map(
        (_, layer): LayerDescription => ({
          mixer: mixerOf(context, types, layer),
          ffn: ffnOf(context, layer, layers),
          beside,
        }),
      ),
      entry,
      exit,
    },
    notes: family ? [] : unknownNotes(given, modelType),
  };
}

/** A file without `model_type` is taken at its word: it is a decoder by its sizes alone. */
function unknownNotes(given: Fields, modelType: unknown): string[] {
  if (modelType === undefined) return [];
  const window =
    typeof given.sliding_window === 'number' && !Array.isArray(given.layer_types)
      ? ', and its sliding_window is taken for unused'
      : '';
  return [
    `model_type ${JSON.stringify(modelType)} is not known here: its layers are counted as LLaMA's, by the sizes in the file${window}`,
  ];
}
