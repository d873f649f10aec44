/** Owns the calls on schemas. */
import type { Definition, JsonObject, JsonValue } from '@strata/core';
import { keyPath } from './address.ts';
import type { ReportedProblem } from './client-error.ts';
import type { Connection } from './connection.ts';
import type { BrokenLayer } from './layers.ts';

/** The definition of a key. */
export interface RegisteredSchema extends Definition {
  readonly key: string;
  /** Whether the server can check all of the schema's rules. */
  readonly enforcedHere: boolean;
  /** The revision of its registration; 0 for a built-in definition. */
  readonly revision: number;
}

/** The answer of `setSchema`. */
export interface SchemaRegistration extends RegisteredSchema {
  /** The stored layers that the schema does not fit. */
  readonly invalid: readonly BrokenLayer[];
}

/** What a schema is registered with. */
export interface SchemaOptions extends Pick<
  Definition,
  'description' | 'merge' | 'allowedScopes' | 'baseImpact' | 'withoutCode' | 'sensitive'
> {
  /** What happens when stored values do not fit: `refuse` (default) fails with `schema_breaks_values`, `report` registers and lists them. */
  readonly onInvalid?: 'refuse' | 'report';
  readonly comment?: string;
}

/** The answer of `validate`. */
export interface ValidationResult {
  readonly valid: boolean;
  readonly errors: readonly ReportedProblem[];
}

/** The calls on schemas. */
export function schemaCalls(connection: Connection) {
  return {
    /** The definitions of all keys, the built-in ones included. */
    listSchemas: () => connection.send<{ readonly schemas: readonly RegisteredSchema[] }>({ path: '/v1/schemas' }),

    /** The definition of a key. @throws `schema_not_found`. */
    getSchema: (key: string) => connection.send<RegisteredSchema>({ path: keyPath('schemas', key) }),

    /** Gives a key a schema: JSON Schema 2020-12. @throws `invalid_schema`, `schema_breaks_values`. */
    setSchema: (key: string, jsonSchema: JsonObject, options: SchemaOptions = {}) =>
      connection.send<SchemaRegistration>({
        method: 'PUT',
        path: keyPath('schemas', key),
        body: { jsonSchema, ...options },
      }),

    /** Checks a whole value against the schema of a key, without storing anything. */
    validate: (key: string, value: JsonValue) =>
      connection.send<ValidationResult>({ method: 'POST', path: keyPath('validate', key), body: { value } }),
  };
}
