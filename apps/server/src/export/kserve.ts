/** An exported repository as a KServe InferenceService. */
import { TransPruneError } from '@transprune/core';
import { stringify } from 'yaml';

export interface InferenceServiceOptions {
  readonly name: string;
  /** Where the folder `models` of the export will be, such as `s3://bucket/smolvlm/models`. */
  readonly storageUri: string;
}

/** A name in Kubernetes that also is one in DNS (RFC 1035). */
const resourceName = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * The manifest, for the cluster's Triton runtime and the Open Inference Protocol.
 *
 * @throws TransPruneError INVALID_ARGUMENT for a name or an address that cannot be
 */
export function inferenceService({ name, storageUri }: InferenceServiceOptions): string {
  check(resourceName.test(name), 'a name of lower-case letters, digits and dashes', name);
  check(
    /^[a-z][a-z0-9+.-]*:\/\/\S+$/.test(storageUri),
    'an address with a scheme, such as s3://bucket/models',
    storageUri,
  );
  return stringify({
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: { name },
    spec: {
      predictor: {
        model: { modelFormat: { name: 'triton' }, protocolVersion: 'v2', storageUri },
      },
    },
  });
}

/** A model's name as a resource may be called; empty if nothing is left of it. */
export function resourceNameOf(model: string): string {
  const last = model.split(/[\\/]/).findLast((part) => /[a-z0-9]/i.test(part)) ?? '';
  const name = last.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return name
    .replace(/^[^a-z]+/, '')
    .slice(0, 63)
    .replace(/-+$/, '');
}

function check(isRight: boolean, expected: string, got: string): void {
  if (isRight) return;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected ${expected}, got ${JSON.stringify(got)}`,
    { got },
  );
}
