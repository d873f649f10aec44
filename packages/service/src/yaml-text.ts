/** Owns the YAML of exports: block style, and nothing that a reader of YAML 1.1 takes for something else than one of 1.2 does. */
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '@strata/core';

/** What YAML 1.1 or 1.2 reads as something else than a text. */
const reserved = /^(?:y|n|yes|no|on|off|true|false|null)$/i;
const bare = /^[A-Za-z_][A-Za-z0-9_/-]*$/;
/** Not printable in YAML, or a line break in one version and none in the other. */
const unprintable = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;
/** A key on one line may not be longer than this. */
const maxImplicitKey = 1000;

/** One text as YAML: bare where it is a word, else in double quotes with the escapes of JSON, which are those of YAML too. */
function scalarText(text: string): string {
  if (bare.test(text) && !reserved.test(text)) return text;
  return JSON.stringify(text).replaceAll(
    unprintable,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * A value in block style, to stand after what ends with a colon or a dash: a space before it where it goes on in the same line, a line
 * break where it begins below.
 */
function yamlAfter(value: JsonValue, indent: string): string {
  if (isJsonArray(value)) return value.length === 0 ? ' []\n' : `\n${yamlItems(value, indent)}`;
  if (isJsonObject(value)) return Object.keys(value).length === 0 ? ' {}\n' : `\n${yamlMembers(value, indent)}`;
  return ` ${typeof value === 'string' ? scalarText(value) : JSON.stringify(value)}\n`;
}

/** The members of an object, one below the other. */
export function yamlMembers(object: JsonObject, indent: string): string {
  let text = '';
  for (const [name, value] of Object.entries(object)) {
    const key = scalarText(name);
    const begin = key.length > maxImplicitKey ? `${indent}? ${key}\n${indent}:` : `${indent}${key}:`;
    text += begin + yamlAfter(value, `${indent}  `);
  }
  return text;
}

/** The items of a list, one below the other; what one holds begins right after its dash. */
export function yamlItems(items: readonly JsonValue[], indent: string): string {
  const inner = `${indent}  `;
  let text = '';
  for (const item of items) {
    const after = yamlAfter(item, inner);
    text += `${indent}-${after.startsWith('\n') ? ` ${after.slice(1 + inner.length)}` : after}`;
  }
  return text;
}
