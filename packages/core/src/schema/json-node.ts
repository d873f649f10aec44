/** Owns the last touches on each JSON Schema node that Zod makes: closed objects, rules of texts, metadata, messages. */
import { z } from 'zod';
import { constantMessage } from './messages.ts';
import { isLinearPattern } from './linear-pattern.ts';
import { stringRule, type StringFormatDef, type StringRule } from './string-rules.ts';

/** A JSON Schema object that is being made. */
export type JsonNode = Record<string, unknown>;

/** A check of any kind, as Zod holds it. */
export interface CheckDef {
  readonly check: string;
  readonly inclusive?: boolean;
  readonly error?: unknown;
}

/** The checks of a Zod schema; one that is a format is its own first check. */
export function checksOf(schema: z.core.$ZodType): CheckDef[] {
  const { def, traits } = schema._zod;
  const own = traits.has('$ZodCheck') && 'check' in def ? [def as unknown as CheckDef] : [];
  return [...own, ...(def.checks ?? []).map((check) => check._zod.def as CheckDef)];
}

/** Makes a node say what Strata means by its Zod schema. */
export function tidy(schema: z.core.$ZodType, node: JsonNode): void {
  const { def } = schema._zod;
  if (def.type === 'object' && (def as z.core.$ZodObjectDef).catchall === undefined)
    node['additionalProperties'] = false;
  if (def.type === 'string') tidyString(checksOf(schema).filter(isStringFormat), node);
  if (def.type === 'template_literal' && !isLinearPattern((schema as z.core.$ZodTemplateLiteral)._zod.pattern)) {
    delete node['pattern'];
  }
  // That property names are texts goes without saying.
  if (JSON.stringify(node['propertyNames']) === '{"type":"string"}') delete node['propertyNames'];
}

function isStringFormat(def: CheckDef): def is StringFormatDef {
  return def.check === 'string_format';
}

function tidyString(formats: readonly StringFormatDef[], node: JsonNode): void {
  for (const keyword of ['format', 'pattern', 'allOf']) Reflect.deleteProperty(node, keyword);
  const [first, ...others] = formats.map(stringRule).filter((rule: StringRule) => Object.keys(rule).length > 0);
  Object.assign(node, first);
  if (others.length > 0) node['allOf'] = others;
}

const annotations = new Set(['title', 'description', 'deprecated', 'examples', 'readOnly', 'writeOnly']);

/** Adds metadata (`sensitive` as `x-sensitive`, other unknown names as `x-…`) and messages to a node. */
export function annotate(schema: z.core.$ZodType, node: JsonNode): void {
  const { id: _id, ...metadata } = z.globalRegistry.get(schema) ?? {};
  for (const [name, value] of Object.entries(metadata)) {
    node[annotations.has(name) || name.startsWith('x-') ? name : `x-${name}`] = value;
  }
  const messages = { ...(node['x-messages'] as JsonNode | undefined), ...messagesOf(schema) };
  if (Object.keys(messages).length > 0) node['x-messages'] = messages;
}

function messagesOf(schema: z.core.$ZodType): JsonNode {
  const messages: JsonNode = {};
  const { def } = schema._zod;
  const own = constantMessage(def.error);
  if (own !== undefined) for (const keyword of keywordsOfType[def.type] ?? ['type']) messages[keyword] = own;
  for (const check of checksOf(schema)) {
    const message = constantMessage(check.error);
    if (message !== undefined) for (const keyword of keywordsOf(check, def.type)) messages[keyword] = message;
  }
  return messages;
}

const keywordsOfType: Readonly<Record<string, readonly string[]>> = {
  enum: ['type', 'enum'],
  literal: ['type', 'const', 'enum'],
  union: ['anyOf', 'oneOf'],
};

function keywordsOf({ check, inclusive }: CheckDef, type: string): readonly string[] {
  const size = type === 'array' ? 'Items' : 'Length';
  switch (check) {
    case 'greater_than':
      return [inclusive === true ? 'minimum' : 'exclusiveMinimum'];
    case 'less_than':
      return [inclusive === true ? 'maximum' : 'exclusiveMaximum'];
    case 'multiple_of':
      return ['multipleOf'];
    case 'number_format':
      return ['type'];
    case 'min_length':
      return [`min${size}`];
    case 'max_length':
      return [`max${size}`];
    case 'length_equals':
      return [`min${size}`, `max${size}`];
    default:
      return [];
  }
}
