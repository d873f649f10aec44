/** Owns which JSON Schemas Strata takes: what is checked before a schema is stored, without compiling it. */
import { closestName } from './closest.ts';
import { ConfigurationError, isConfigurationError } from './errors.ts';
import {
  isJsonArray,
  isJsonObject,
  jsonText,
  parseJsonValue,
  propertyOf,
  type JsonObject,
  type JsonValue,
} from './json.ts';
import { eachSubschema, inPlace, listKeywords, mapKeywords, resolveReference, singleKeywords } from './json-schema.ts';
import { formatPath } from './path.ts';

const draft = 'https://json-schema.org/draft/2020-12/schema';

const assertions = [
  ...['$ref', '$comment', 'title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly'],
  ...['type', 'enum', 'const', 'format', 'pattern', 'minLength', 'maxLength', 'contentEncoding', 'contentMediaType'],
  ...['multipleOf', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  ...['minItems', 'maxItems', 'uniqueItems', 'minContains', 'maxContains'],
  ...['required', 'dependentRequired', 'minProperties', 'maxProperties'],
];
const knownKeywords = new Set([...assertions, ...mapKeywords, ...listKeywords, ...singleKeywords]);

const refusedKeywords: Readonly<Record<string, string>> = {
  $schema: 'only the root names its draft',
  $id: 'only the root may have an id; refer to its parts like #/$defs/name',
  $anchor: 'refer to parts of the schema like #/$defs/name',
  $dynamicRef: 'use $ref',
  $dynamicAnchor: 'use $ref with #/$defs/name',
  $recursiveRef: 'use $ref',
  $recursiveAnchor: 'use $ref with #/$defs/name',
  $vocabulary: 'only the standard vocabularies are known',
  dependencies: 'use dependentRequired or dependentSchemas',
  additionalItems: 'use prefixItems and items',
  // The engine's bookkeeping for these two gives wrong answers beside oneOf: https://github.com/ajv-validator/ajv/issues/2559
  unevaluatedProperties: 'list all properties in one schema and use additionalProperties',
  unevaluatedItems: 'use prefixItems and items',
  nullable: 'add "null" to type',
};

/**
 * Checks the structure of a JSON Schema (2020-12) that someone gave for a key: an object of at most 256 KiB, nested at most 32 levels deep,
 * with known keywords (others only as `x-…`), references only into itself, and none that leads back to where it stands.
 * What its keywords hold is checked when it is compiled. Unknown formats are annotations.
 * @returns a frozen copy without `$schema` and `$id`.
 * @throws ConfigurationError `invalid_schema`.
 */
export function checkJsonSchema(key: string, schema: unknown): JsonObject {
  const refuse = (problem: string): never => {
    throw new ConfigurationError('invalid_schema', { key, problem });
  };
  const parsed = parse(schema, refuse);
  if (!isJsonObject(parsed)) return refuse('a JSON Schema is an object, like { "type": "object" }');
  const { $schema, $id: _id, ...rest } = parsed;
  if ($schema !== undefined && $schema !== draft && $schema !== `${draft}#`) {
    refuse(`its $schema is ${JSON.stringify($schema)}, and only ${draft} is known`);
  }
  const root = Object.freeze(rest);
  const nodes = new Set<JsonValue | undefined>([true, false]);
  eachSubschema(root, (node) => nodes.add(node));
  eachSubschema(root, (node, path) => {
    const problem = keywordProblem(node) ?? referenceProblem(root, node, nodes) ?? cycleProblem(root, node);
    if (problem !== undefined) refuse(`at ${formatPath(path)}: ${problem}`);
  });
  return root;
}

function parse(schema: unknown, refuse: (problem: string) => never): JsonValue {
  try {
    const parsed = parseJsonValue(schema);
    jsonText(parsed);
    return parsed;
  } catch (error) {
    if (!isConfigurationError(error)) throw error;
    return refuse(error.message.replace(/\.$/, ''));
  }
}

function keywordProblem(node: JsonObject): string | undefined {
  for (const [keyword, value] of Object.entries(node)) {
    if (keyword === 'items' && isJsonArray(value))
      return 'items takes one schema; a list of them goes into prefixItems';
    if (knownKeywords.has(keyword) || keyword.startsWith('x-')) continue;
    const advice = propertyOf(refusedKeywords, keyword);
    if (typeof advice === 'string') return `${keyword} is not taken; ${advice}`;
    const meant = closestName(keyword, knownKeywords);
    return `${keyword} is not a known keyword${meant === undefined ? '; call your own ones x-…' : ` (did you mean ${meant}?)`}`;
  }
  return undefined;
}

function referenceProblem(
  root: JsonObject,
  node: JsonObject,
  nodes: ReadonlySet<JsonValue | undefined>,
): string | undefined {
  const reference = propertyOf(node, '$ref');
  if (reference === undefined) return undefined;
  if (typeof reference === 'string' && nodes.has(resolveReference(root, reference))) return undefined;
  return `$ref ${JSON.stringify(reference)} leads to no schema here; only references like #/$defs/name are followed`;
}

/** Whether a schema applies itself to the same value again, so that checking would never end. */
function cycleProblem(root: JsonObject, node: JsonObject): string | undefined {
  const seen = new Set<JsonObject>();
  const pending = branchesOf(root, node);
  while (pending.length > 0) {
    const next = pending.pop();
    if (next === node) return 'it refers to itself without a property or item between';
    if (!isJsonObject(next) || seen.has(next)) continue;
    seen.add(next);
    pending.push(...branchesOf(root, next));
  }
  return undefined;
}

function branchesOf(root: JsonObject, node: JsonObject): JsonValue[] {
  const not = propertyOf(node, 'not');
  return not === undefined ? inPlace(root, node, 'maybe') : [...inPlace(root, node, 'maybe'), not];
}
