/** Owns the translation of the routes' Zod schemas into the JSON Schema 2020-12 of the API's document. */
import { z } from 'zod';

/** A schema of the document. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Any other part of the document. */
export type Part = Readonly<Record<string, unknown>>;

/**
 * A Zod schema as JSON Schema. Parts that have an `id` in their metadata become components and are referred to.
 * @param io `input` for what a caller sends, `output` for what is answered.
 */
export function toJsonSchema(
  schema: z.ZodType,
  io: 'input' | 'output',
  components: Map<string, JsonSchema>,
): JsonSchema {
  // Inside another schema, one that has an id is referred to as its parts are.
  const holder = z.object({ it: schema });
  const { properties, $defs } = z.toJSONSchema(holder, {
    io,
    unrepresentable: 'any',
    override: io === 'output' ? adaptAnswer : adapt,
  });
  for (const [name, component] of Object.entries($defs ?? {})) components.set(name, withReferences(component));
  return withReferences(properties?.['it'] as JsonSchema);
}

type Override = NonNullable<NonNullable<Parameters<typeof z.toJSONSchema>[1]>['override']>;

const adapt: Override = ({ zodSchema, jsonSchema }) => {
  const { type } = zodSchema._zod.def;
  if (type === 'date') Object.assign(jsonSchema, { type: 'string', format: 'date-time' });
  // Says of TypeScript's `readonly` what it would mean of HTTP.
  delete jsonSchema.readOnly;
  // A number of a query is a text of digits to the code, and a number to whoever reads the document; `date-time` says it all.
  if (jsonSchema.type === 'integer' || jsonSchema.format === 'date-time') delete jsonSchema.pattern;
};

/** Answers may grow, so an object of an answer is not told to be closed. */
const adaptAnswer: Override = (context) => {
  adapt(context);
  if (context.jsonSchema.additionalProperties === false) delete context.jsonSchema.additionalProperties;
};

/** `#/$defs/X` becomes `#/components/schemas/X`. */
function withReferences(schema: JsonSchema): JsonSchema {
  const text = JSON.stringify(schema, (name, value: unknown) => {
    if (name === '$ref' && typeof value === 'string') return value.replace('#/$defs/', '#/components/schemas/');
    return value;
  });
  return JSON.parse(text) as JsonSchema;
}
