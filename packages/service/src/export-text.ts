/** Owns the text of exports: JSON, YAML and .env, written page by page, the same bytes for the same state. */
import { createHash } from 'node:crypto';
import {
  BundleText,
  bundleVersion,
  dotenvJson,
  dotenvLine,
  dotenvNote,
  effectiveName,
  exportName,
  type BundleHeader,
  type DocumentFormat,
  type JsonObject,
  type JsonValue,
} from '@strata/core';
import type { ExportedSecrets } from './export-secrets.ts';
import type { Selection } from './export-selection.ts';
import type { SettingsPage } from './export-settings.ts';
import { yamlItems, yamlMembers } from './yaml-text.ts';

/** How a document is written in one format. */
interface Writer {
  begin(header: JsonObject): string;
  settings(settings: readonly JsonObject[]): string;
  /** What is known only at the end. */
  end(trailer: JsonObject): string;
}

const writers: Readonly<Record<DocumentFormat, () => Writer>> = { json: jsonWriter, yaml: yamlWriter, env: envWriter };

/** The text of an export, in pieces. Its checksum comes last, so that one that was cut off is known by its absence. */
export async function* exportText(
  environment: string,
  selection: Selection,
  pages: AsyncIterable<SettingsPage>,
  secrets: ExportedSecrets,
): AsyncGenerator<string, void, undefined> {
  const header = { ...headerOf(environment, selection), ...secrets.header } as JsonObject;
  const hash = createHash('sha256');
  const text = new BundleText(header, (part) => hash.update(part));
  const writer = writers[selection.format]();
  let through = 0;
  yield writer.begin(header);
  for await (const { settings, throughRevision = 0 } of pages) {
    for (const setting of settings) text.add(setting);
    through = Math.max(through, throughRevision);
    if (settings.length > 0) yield writer.settings(settings);
  }
  const known: JsonObject =
    selection.values === 'own' ? { throughRevision: through, ...(await secrets.trailer()) } : {};
  text.end({ ...header, ...known });
  yield writer.end({ ...known, checksum: hash.digest('hex') });
}

function headerOf(environment: string, { values, scope, scopeId, subtree }: Selection): BundleHeader {
  return {
    format: values === 'own' ? exportName : effectiveName,
    formatVersion: bundleVersion,
    environment,
    scope,
    scopeId: scope === 'global' ? null : scopeId,
    ...(subtree ? { subtree } : {}),
  };
}

function jsonWriter(): Writer {
  let isFirst = true;
  const members = (object: JsonObject): string =>
    Object.entries(object)
      .map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
      .join(',\n');
  return {
    begin: (header) => `{\n${members(header)},\n  "settings": [`,
    settings: (settings) => {
      let text = '';
      for (const setting of settings) {
        text += `${isFirst ? '' : ','}\n    ${JSON.stringify(setting, null, 2).replaceAll('\n', '\n    ')}`;
        isFirst = false;
      }
      return text;
    },
    end: (trailer) => `${isFirst ? ']' : '\n  ]'},\n${members(trailer)}\n}\n`,
  };
}

function yamlWriter(): Writer {
  let isEmpty = true;
  return {
    begin: (header) => `${yamlMembers(header, '')}settings:`,
    settings: (settings) => {
      const begin = isEmpty ? '\n' : '';
      isEmpty = false;
      return begin + yamlItems(settings, '  ');
    },
    end: (trailer) => `${isEmpty ? ' []\n' : ''}${yamlMembers(trailer, '')}`,
  };
}

function envWriter(): Writer {
  const taken = new Set<string>();
  return {
    begin: (header) => `${dotenvNote(header)}\n`,
    settings: (settings) => settings.map((setting) => envSetting(setting, taken)).join(''),
    end: (trailer) => `\n${dotenvNote(trailer)}`,
  };
}

function envSetting({ key, value, sealedVersion, expiresAt }: JsonObject, taken: Set<string>): string {
  const name = variableName(key as string, taken);
  const { text, isText } = variableText(value ?? null);
  const note: JsonObject = {
    ...(name === key ? {} : { key }),
    ...(isText ? { text: true } : {}),
    ...(sealedVersion === undefined ? {} : { sealedVersion }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
  return (Object.keys(note).length === 0 ? '' : dotenvNote(note)) + dotenvLine(name, text);
}

/** The key, or what a shell takes in its place; no name twice. */
function variableName(key: string, taken: Set<string>): string {
  const plain = key.replaceAll(/[^A-Za-z0-9_]/g, '_').replace(/^(?=[0-9])/, '_');
  let name = plain;
  for (let count = 2; taken.has(name); count += 1) name = `${plain}_${String(count)}`;
  taken.add(name);
  return name;
}

/** A text as it is, unless it would be taken for JSON or has characters that no line can hold; anything else as JSON. */
function variableText(value: JsonValue): { readonly text: string; readonly isText: boolean } {
  if (typeof value !== 'string') return { text: dotenvJson(value), isText: false };
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0009\u000b-\u001f]/.test(value)) return { text: dotenvJson(value), isText: false };
  return { text: value, isText: looksLikeJson(value) };
}

/** Whether a reader would take a text for JSON. */
export function looksLikeJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
