/** Owns the reading of YAML documents: YAML 1.2, plain data only, and bounded in what a few bytes may grow to. */
import {
  isJsonObject,
  positionOf,
  refuseDocument,
  setProperty,
  shorten,
  type JsonObject,
  type JsonValue,
} from '@strata/core';
import { isAlias, isMap, isPair, isScalar, isSeq, parseDocument, type Document, type Node } from 'yaml';

/** A document nests its values, which have 32 levels, in a few of its own. */
const maxDepth = 64;
/** What aliases may add to a document, in nodes. */
const maxAliased = 100_000;

/**
 * Reads a YAML document that is a mapping. `no`, `12:30` and dates are texts, as YAML 1.2 has it; names are always texts.
 * @param text without a byte order mark.
 * @throws ConfigurationError `malformed_document` with the line and column: also for tags, a name that stands there twice, aliases
 *   that grow beyond bounds, whole numbers that would be rounded, and what JSON does not have (infinity, a missing value).
 */
export function readYamlDocument(text: string): JsonObject {
  const document = parse(text);
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const why = problem.message.startsWith('Maximum call stack') ? tooDeep : firstLine(problem.message);
    return refuseDocument('yaml', positionOf(text, problem.pos[0]), why, problem);
  }
  const value = new Converter(text, document).value(document.contents, 0);
  return isJsonObject(value) ? value : refuseDocument('yaml', 'line 1, column 1', 'it is no mapping');
}

type Parsed = Document.Parsed;

function parse(text: string): Parsed {
  try {
    return parseDocument(text, {
      version: '1.2',
      schema: 'core',
      merge: false,
      strict: true,
      uniqueKeys: true,
      stringKeys: true,
      intAsBigInt: true,
      prettyErrors: false,
    });
  } catch (error) {
    return refuseDocument('yaml', 'line 1, column 1', 'it cannot be read', error);
  }
}

const tooDeep = `it is nested deeper than ${String(maxDepth)} levels`;

function firstLine(message: string): string {
  return message.split('\n')[0]?.replace(/[.:]$/, '') ?? message;
}

/** Turns the nodes of a document into values. */
class Converter {
  readonly #text: string;
  readonly #document: Parsed;
  #aliased = 0;
  /** How many aliases deep it is. */
  #within = 0;

  constructor(text: string, document: Parsed) {
    this.#text = text;
    this.#document = document;
  }

  value(node: unknown, depth: number): JsonValue {
    if (depth > maxDepth) return this.#refuse(node, tooDeep);
    if (this.#within > 0 && (this.#aliased += 1) > maxAliased)
      return this.#refuse(node, 'its aliases grow beyond bounds');
    if (isAlias(node)) return this.#alias(node, depth);
    if (isScalar(node)) return this.#scalar(node, node.value);
    if (isSeq(node)) return node.items.map((item) => this.value(item, depth + 1));
    if (!isMap(node)) return node === null || node === undefined ? null : this.#refuse(node, 'it is no plain value');
    const object: Record<string, JsonValue> = {};
    for (const pair of node.items) {
      if (!isPair(pair) || !isScalar(pair.key)) return this.#refuse(node, 'a name is a text');
      setProperty(object, String(pair.key.value), this.value(pair.value, depth + 1));
    }
    return object;
  }

  #alias(node: Node & { resolve(document: Parsed): Node | undefined }, depth: number): JsonValue {
    const target = node.resolve(this.#document);
    if (target === undefined) return this.#refuse(node, 'its alias names nothing');
    this.#within += 1;
    const value = this.value(target, depth + 1);
    this.#within -= 1;
    return value;
  }

  #scalar(node: unknown, value: unknown): JsonValue {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'bigint') {
      const whole = Number(value);
      if (BigInt(whole) === value || String(whole) === String(value)) return whole;
      return this.#refuse(
        node,
        `the number ${shorten(String(value))} is too large to be kept exactly; write it as a text`,
      );
    }
    if (typeof value !== 'number') return this.#refuse(node, 'it is no plain value');
    if (!Number.isFinite(value))
      return this.#refuse(node, `${String(value)} is not a number in JSON; write it as a text`);
    return value === 0 ? 0 : value;
  }

  #refuse(node: unknown, problem: string): never {
    const at = (node as Partial<Node> | null | undefined)?.range?.[0] ?? 0;
    return refuseDocument('yaml', positionOf(this.#text, at), problem);
  }
}
