/** Owns `strata tag`. */
import type { Tag } from '@strata/client';
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { suggestingKey } from '../known-keys.ts';
import { localTime, scopeName, show, table } from '../output.ts';
import { addScope, namedScope, type ScopeFlags } from '../scope-options.ts';
import { printable, type Colours } from '../terminal.ts';

/** Adds `strata tag create` and `strata tag list`. */
export function addTagCommand(program: Command): Command {
  const tag = program.command('tag').description('name versions, and list the names');
  addTagCreate(tag);
  addTagList(tag);
  return tag;
}

function addTagCreate(tag: Command): void {
  const command = addRemoteCommand(tag, 'create', 'name a version; a tag never moves', [
    'tag create stable-v1.0 branding',
    'tag create stable-v1.0 branding 3f2a9c0d -d "Approved by design"',
    'tag create release-7 branding HEAD --org acme',
  ])
    .argument('<tag>', 'the name')
    .argument('<key>', 'the key')
    .argument('[version]', '4 or more digits of a version, another tag, HEAD, HEAD~2 or @<time>', 'HEAD')
    .option('-d, --description <text>', 'what the tag means');
  addScope(command, 'global for HEAD and @<time>, else all').action(
    async (
      name: string,
      key: string,
      reference: string,
      flags: ConnectionFlags & ScopeFlags & { readonly description?: string },
    ) => {
      const client = openClient(flags);
      const scope = namedScope(flags);
      const { version } = await suggestingKey(client, key, scope, () => client.getVersion(key, reference, scope));
      show(flags, await client.createTag(name, version, flags.description), showTag);
    },
  );
}

function addTagList(tag: Command): void {
  const command = addRemoteCommand(tag, 'list', 'list tags, newest first', [
    'tag list',
    'tag list branding --org acme',
    'tag list --tag release-7',
  ])
    .argument('[key]', 'only those of this key')
    .option('--tag <tag>', 'only those of this name');
  addScope(command, 'all scopes').action(
    async (key: string | undefined, flags: ConnectionFlags & ScopeFlags & { readonly tag?: string }) => {
      const { tags } = await openClient(flags).listTags({ key, tag: flags.tag, scope: namedScope(flags) });
      show(flags, tags, showTags);
    },
  );
}

function showTag({ tag, key, version, ...place }: Tag): string {
  return `${tag} marks version ${version} of ${key} at ${scopeName(place)}`;
}

function showTags(tags: readonly Tag[], colours: Colours): string {
  if (tags.length === 0) return 'No tags.';
  return table(
    colours,
    ['tag', 'key', 'scope', 'version', 'time', 'author', 'description'],
    tags.map((tag) => [
      tag.tag,
      tag.key,
      scopeName(tag),
      tag.version,
      localTime(tag.createdAt),
      printable(tag.createdBy),
      tag.description === null ? null : printable(tag.description),
    ]),
  );
}
