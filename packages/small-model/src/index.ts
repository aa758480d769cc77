import { fileURLToPath } from 'node:url';

/** Absolute path of the folder with the model's files, laid out as on the Hugging Face Hub. */
export const modelDirectory: string = fileURLToPath(new URL('../model/', import.meta.url));

/** Absolute path of the folder with the sample images and `samples.json`, which describes them. */
export const samplesDirectory: string = fileURLToPath(new URL('../samples/', import.meta.url));
