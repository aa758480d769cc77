/** Files of the embedded model that are loaded; the decoder's graph is built from the weights. */
export const modelFiles = [
  'config.json',
  'generation_config.json',
  'preprocessor_config.json',
  'processor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'onnx/embed_tokens.onnx',
  'onnx/vision_encoder.onnx',
  'weights/decoder.safetensors',
];
