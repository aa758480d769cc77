/**
 * What operators are told besides their inputs. An attribute that is not read is a promise that is not kept:
 * each is listed with the values that mean what the reading says, and any other is refused by name.
 */
import type { NodeProto } from '../../proto/onnx_pb.js';
import { refuse } from '../refuse.js';

/** What is known of an attribute. */
export type AttributeRule =
  /** The reading takes it, or it changes nothing that the score is made of. */
  | 'any'
  | {
      /** Values that change nothing. */
      readonly plain: readonly (number | string)[];
      /** What is expected instead, in words; with the way out, where there is one. */
      readonly expected?: string;
    };

export type AttributeRules = Readonly<Record<string, AttributeRule>>;

/**
 * Checks a node's attributes.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for one that is unknown, or has another value
 */
export function checkAttributes(node: NodeProto, rules: AttributeRules, where: string): void {
  for (const { name, i, f, s } of node.attribute) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === 'any') continue;
    const value = s.length > 0 ? String.fromCharCode(...s) : Number(i) || f;
    if (rule?.plain.includes(value)) continue;
    const known = rule?.plain.map((plain) => `${name} = ${plain}`).join(' or ');
    refuse({
      where,
      expected: rule?.expected ?? known ?? `only attributes of ${node.opType} that are known`,
      found: `${name} = ${value}`,
      node,
    });
  }
}

/**
 * Checks that a node reads, and gives, nothing further.
 *
 * @param names what further inputs are, by their index
 * @throws TransPruneError UNSUPPORTED_MODEL for the first one
 */
export function checkFurther(
  node: NodeProto,
  {
    inputs,
    outputs,
    last,
    names = {},
  }: {
    /** How many inputs and outputs are understood. */
    readonly inputs: number;
    readonly outputs: number;
    /** What the last of those inputs is called. */
    readonly last: string;
    readonly names?: Readonly<Record<number, string>>;
  },
  where: string,
): void {
  const at = node.input.findIndex((name, index) => index >= inputs && name !== '');
  if (at >= 0) {
    const expected = `no inputs after ${last}`;
    refuse({ where, expected, found: `${names[at] ?? 'a further one'}: ${node.input[at]}`, node });
  }
  const output = node.output.find((name, index) => index >= outputs && name !== '');
  if (output !== undefined) {
    refuse({ where, expected: 'an output and a cache', found: `a further output ${output}`, node });
  }
}
