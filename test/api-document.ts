/** Owns the check that the server answers as its API's document says. */
import type { ErrorObject } from 'ajv/dist/2020.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

/** What a check looks at of an answer. */
export interface Answered {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** The parts of an OpenAPI document that tests look into. */
export interface ApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** One operation of a document. */
export interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, Response>>;
}

type Response =
  { readonly $ref: string } | { readonly description: string; readonly content?: Readonly<Record<string, unknown>> };

/** The path of a document that a request is about; undefined where it has none. */
export function pathOf(document: ApiDocument, url: string): string | undefined {
  const path = url.split('?', 1)[0] ?? '';
  if (path in document.paths) return path;
  return Object.keys(document.paths).find((pattern) => {
    if (pattern.endsWith('{key}')) return path.startsWith(pattern.slice(0, -'{key}'.length));
    return pattern.includes('{') && new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path);
  });
}

/**
 * Makes the check of answers against a document. It throws where the status, the media type, the code or the body is none that the
 * document tells of. What is no operation of the document is not looked at.
 */
export function documentCheck(document: ApiDocument): (method: string, url: string, answer: Answered) => void {
  const ajv = new Ajv2020({ strict: false, validateSchema: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema(document, 'api');
  return (method, url, { statusCode, headers, body }) => {
    const path = pathOf(document, url);
    const operation = path === undefined ? undefined : document.paths[path]?.[method.toLowerCase()];
    if (path === undefined || operation === undefined) return;
    const name = `${method} ${path} ${String(statusCode)}`;
    const pointer = responsePointer(document, path, method, statusCode);
    if (pointer === undefined) throw new Error(`${name} is not in the document: ${body}`);
    if (body === '') return;
    const type = String(headers['content-type']).split(';', 1)[0] ?? '';
    const validate = ajv.compile({ $ref: `api#${pointer}/content/${escape(type)}/schema` });
    const content: unknown = /[/+]json$/.test(type) ? JSON.parse(body) : body;
    if (!validate(content)) throw new Error(`${name} is not as documented: ${explain(validate.errors)}: ${body}`);
  };
}

function responsePointer(document: ApiDocument, path: string, method: string, status: number): string | undefined {
  const response = document.paths[path]?.[method.toLowerCase()]?.responses[String(status)];
  if (response === undefined) return undefined;
  if ('$ref' in response) return response.$ref.slice(1);
  return `/paths/${escape(path)}/${method.toLowerCase()}/responses/${String(status)}`;
}

function escape(step: string): string {
  return encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'));
}

function explain(errors: readonly ErrorObject[] | null | undefined): string {
  return (errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`).join('; ');
}
