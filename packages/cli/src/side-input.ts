/** Owns how a command is told a side of a comparison: `org:acme`, `org:acme@2h`, `staging:org:acme`, `@file.yaml`, `http://host#org:acme`. */
import { createClient, type Side, type StoredSide } from '@strata/client';
import { scopes } from '@strata/core';
import { userName } from './connection-options.ts';
import { formatOfName, readDocument } from './document-input.ts';
import { usageError } from './exit-codes.ts';
import { parseScopeName } from './scope-options.ts';
import { isDuration, parseMoment } from './time-input.ts';

/** What is compared of the scopes that are named. */
export interface SideFlags {
  readonly subtree?: boolean;
  readonly effective?: boolean;
}

/** How a side is written, for the help. */
export const sideHelp = `
A side is
  org:acme                  a scope now (global, org:<id>, team:<id>, user:<id>)
  org:acme@2h               as it was then: 30m, 2h, 7d ago, ISO 8601, or r120 for a revision
  org:acme@release-7        what bears a tag; an id that holds an @ itself takes @now
  staging:org:acme          in another environment of the store
  @acme.yaml                a file: an export, or an object of keys and values
  http://host:7420#org:acme on another server
`;

/** Reads a side. @throws CommandError for a text that is none. */
export async function parseSide(text: string, flags: SideFlags): Promise<Side> {
  if (text.startsWith('@')) {
    const file = text.slice(1);
    return { document: await readDocument(file), format: formatOfName(file) ?? 'json' };
  }
  if (/^https?:\/\//.test(text)) return remoteSide(text, flags);
  return storedSide(text, flags);
}

/** What another server has, as its export. */
async function remoteSide(text: string, flags: SideFlags): Promise<Side> {
  const [url = '', scope = ''] = text.split('#', 2);
  const { environment, tag, values, ...side } = storedSide(scope === '' ? 'global' : scope, flags);
  if (environment !== undefined || tag !== undefined || values === 'effective') {
    throw usageError(
      'Of another server what is stored can be compared, now or at a time: no environment, tag or --effective.',
    );
  }
  const { scope: level, scopeId, ...options } = side;
  const client = createClient({ url, actor: userName() });
  return {
    document: await client.exportConfig({ scope: level, scopeId }, { ...options, secrets: 'masked' }),
    format: 'json',
  };
}

function storedSide(text: string, { subtree, effective }: SideFlags): StoredSide {
  const mark = text.lastIndexOf('@');
  const [where, when] = mark === -1 ? [text, undefined] : [text.slice(0, mark), text.slice(mark + 1)];
  const colon = where.indexOf(':');
  const first = colon === -1 ? where : where.slice(0, colon);
  const isScope = scopes.some((scope) => scope === first);
  const environment = isScope || colon === -1 ? undefined : first;
  return {
    ...parseScopeName(environment === undefined ? where : where.slice(colon + 1)),
    ...momentOf(when),
    environment,
    subtree,
    values: effective === true ? 'effective' : undefined,
  };
}

function momentOf(when: string | undefined): Pick<StoredSide, 'at' | 'revision' | 'tag'> {
  if (when === undefined || when === 'now') return {};
  if (when === '') throw usageError('After the @ comes a time, a revision such as r120, or a tag.');
  if (/^r[1-9][0-9]{0,14}$/.test(when)) return { revision: Number(when.slice(1)) };
  return isDuration(when) || /^\d{4}-\d\d-\d\d/.test(when)
    ? { at: parseMoment(when, '@', 'ago', new Date()) }
    : { tag: when };
}
