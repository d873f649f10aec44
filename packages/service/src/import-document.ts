/** Owns the reading of a document that is to be imported, in whichever format it is. */
import { createHash } from 'node:crypto';
import {
  ConfigurationError,
  exportName,
  isConfigurationError,
  isJsonArray,
  parseId,
  propertyOf,
  readBundle,
  readDotenv,
  readLongDocument,
  readStrictJson,
  refuseDocument,
  settingsName,
  utf8Length,
  withoutMark,
  type Bundle,
  type DocumentFormat,
  type DotenvEntry,
  type JsonObject,
  type JsonValue,
  type LongDocument,
} from '@strata/core';
import { looksLikeJson } from './export-text.ts';

/** How large a document may be, in bytes. YAML takes a hundred times its size while it is read. */
const maxBytes: Readonly<Record<DocumentFormat, number>> = {
  json: 64 * 1024 * 1024,
  yaml: 4 * 1024 * 1024,
  env: 4 * 1024 * 1024,
};

/**
 * Reads a document: an export, or a plain object of keys and values.
 * @param verify whether an export whose checksum is missing or wrong is refused.
 * @throws ConfigurationError `invalid_argument`, `document_too_large`, `malformed_document`, `document_changed`, `document_unsupported`.
 */
export async function readImport(data: unknown, format: DocumentFormat, verify: boolean): Promise<Bundle> {
  if (typeof data !== 'string') {
    throw new ConfigurationError('invalid_argument', { argument: 'data', problem: 'give the document as a text' });
  }
  const limit = maxBytes[format];
  const bytes = data.length > limit ? data.length : utf8Length(data);
  if (bytes > limit) {
    throw new ConfigurationError('document_too_large', {
      size: `${megabytes(bytes)} of ${format}`,
      limit: megabytes(limit),
    });
  }
  const text = withoutMark(data);
  const digest = () => {
    const hash = createHash('sha256');
    return { take: (part: string) => void hash.update(part), end: () => hash.digest('hex') };
  };
  return readBundle(await readers[format](text), { format, verify, digest });
}

const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

const readers: Readonly<Record<DocumentFormat, (text: string) => LongDocument | Promise<LongDocument>>> = {
  json: (text) => readLongDocument(text, settingsName),
  // The reader of YAML is loaded by those who need it.
  yaml: async (text) => held((await import('./yaml-document.ts')).readYamlDocument(text)),
  env: (text) => held(readEnvDocument(text)),
};

/** A document that was read as a whole. */
function held(members: JsonObject): LongDocument {
  const items = propertyOf(members, settingsName);
  return { members, items: isJsonArray(items) ? items : undefined };
}

/** The document that a .env file stands for: an export where our notes say so, else an object of its names. */
function readEnvDocument(text: string): JsonObject {
  const { entries, notes } = readDotenv(text);
  const header = Object.assign({}, ...notes) as JsonObject;
  const isExport = propertyOf(header, 'format') === exportName;
  if (!isExport && propertyOf(header, 'format') !== undefined) return header;
  const values: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>;
  const settings: JsonObject[] = [];
  for (const entry of entries) {
    const key = textOf(entry, 'key') ?? entry.name;
    if (Object.hasOwn(values, key)) refuseDocument('env', entry.position, `${JSON.stringify(key)} stands there twice`);
    values[key] = valueOf(entry);
    settings.push(isExport ? toSetting(header, key, entry) : {});
  }
  return isExport ? { ...header, settings } : values;
}

function toSetting(header: JsonObject, key: string, entry: DotenvEntry): JsonObject {
  const [expiresAt, sealedVersion] = ['expiresAt', 'sealedVersion'].map((name) => textOf(entry, name));
  return {
    key,
    scope: propertyOf(header, 'scope') ?? null,
    scopeId: propertyOf(header, 'scopeId') ?? null,
    value: valueOf(entry),
    ...(sealedVersion === undefined ? {} : { sealedVersion }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

function textOf({ note, position }: DotenvEntry, name: string): string | undefined {
  const value = note === undefined ? undefined : propertyOf(note, name);
  if (value === undefined || typeof value === 'string') return value;
  return refuseDocument('env', position, `${name} in the note of Strata above is no text`);
}

/** JSON where it is JSON, else the text itself; so is a number that would be rounded. */
function valueOf({ text, note, position }: DotenvEntry): JsonValue {
  if (note !== undefined && propertyOf(note, 'text') === true) return text;
  if (!looksLikeJson(text)) return text;
  try {
    return readStrictJson(text);
  } catch (error) {
    if (!isConfigurationError(error, 'malformed_document')) throw error;
    return /^\s*[[{"]/.test(text) ? refuseDocument('env', position, String(error.details['problem']), error) : text;
  }
}

/** Where the values of a document come from, for the history. */
export function originOf({ environment, selection, throughRevision }: Bundle): string {
  if (selection === undefined) return 'Imported from a file';
  const from = environment === undefined ? '' : ` of ${parseId(environment, 'environment')}`;
  const until = throughRevision === undefined ? '' : ` at revision ${String(throughRevision)}`;
  return `Imported from an export${from}${until}`;
}
