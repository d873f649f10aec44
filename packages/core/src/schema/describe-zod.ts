/** Owns the way from a Zod schema to the JSON Schema that is stored in its place. */
import { z, type ZodType } from 'zod';
import { ConfigurationError } from '../errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { eachSubschema, listOf } from '../json-schema.ts';
import { formatPath } from '../path.ts';
import { checkJsonSchema } from '../schema-check.ts';
import { annotate, tidy } from './json-node.ts';
import { inspectZod, type Refuse } from './inspect-zod.ts';

/** What is stored of a Zod schema. */
export interface DescribedZod {
  /** All that JSON Schema can say of it: frozen, and the same for the same schema. */
  readonly jsonSchema: JsonObject;
  /** Whether it has rules besides, which only a process that holds the Zod schema can check. */
  readonly code: boolean;
}

/** Whether a schema is one of Zod (of any version), not JSON Schema. */
export function isZodSchema(schema: unknown): schema is ZodType {
  if (typeof schema !== 'object' || schema === null) return false;
  return '_zod' in schema || ('_def' in schema && 'safeParse' in schema);
}

/**
 * Describes a Zod 4 schema as JSON Schema 2020-12, as it takes its input.
 *
 * An object refuses unknown properties, unless it is a `z.looseObject` or has a `catchall`. Defaults stay, and make their property optional.
 * `.meta({ sensitive: true })` becomes `x-sensitive`, other metadata `x-…`; messages that do not depend on the value become `x-messages`,
 * by keyword. Refinements, patterns that a linear-time engine cannot hold and the like are left out and make the schema `code`.
 * @throws ConfigurationError `invalid_schema` with the path, for a Zod 3 schema and for whatever would change a value (transforms,
 *   coercion, `.trim()`) or is no JSON value (dates, maps, undefined).
 */
export function describeZod(key: string, schema: ZodType): DescribedZod {
  const refuse = (problem: string): never => {
    throw new ConfigurationError('invalid_schema', { key, problem });
  };
  // A caller in JavaScript, or with two copies of Zod, can hand over anything.
  if (!isZodSchema(schema) || !Reflect.has(schema, '_zod')) {
    refuse('it is not a schema of Zod 4; with an older Zod, upgrade it or import { z } from "zod/v4"');
  }
  const { code } = inspectZod(schema, refuse);
  const jsonSchema = checkJsonSchema(key, convert(schema, refuse));
  eachSubschema(jsonSchema, (node, path) => {
    if (listOf(node['allOf']).some(isClosed)) {
      refuse(`at ${formatPath(path)} of its JSON Schema: these objects cannot be intersected; use a.extend(b.shape)`);
    }
  });
  return { jsonSchema, code };
}

/** Two closed objects refuse each other's properties, so nothing would pass both. */
function isClosed(schema: JsonValue): boolean {
  return isJsonObject(schema) && schema['additionalProperties'] === false;
}

function convert(schema: ZodType, refuse: Refuse): unknown {
  try {
    const converted = z.toJSONSchema(schema, {
      io: 'input',
      // What has no JSON Schema was refused or counted as code before.
      unrepresentable: 'any',
      // An empty registry: metadata is taken over one by one, so that none can pose as a keyword.
      metadata: z.registry(),
      override: ({ zodSchema, jsonSchema }) => {
        tidy(zodSchema, jsonSchema);
        annotate(zodSchema, jsonSchema);
      },
    });
    return { ...converted };
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}
