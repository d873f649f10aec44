/** Owns `strata schema`. */
import type { RegisteredSchema, SchemaOptions, SchemaRegistration } from '@strata/client';
import { impactLevels, scopes, type ConfigScope, type ImpactLevel } from '@strata/core';
import { type Command, Option } from 'commander';
import { showBroken, showProblems } from '../change-view.ts';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import { suggestingKey } from '../known-keys.ts';
import { full, show, table } from '../output.ts';
import { printable, type Colours } from '../terminal.ts';
import { addValueOptions, readObject, readValue, type ValueFlags } from '../value-input.ts';

/** Adds `strata schema list`, `show`, `set` and `validate`. */
export function addSchemaCommand(program: Command): Command {
  const schema = program.command('schema').description('work on the schemas of keys');
  addSchemaList(schema);
  addSchemaShow(schema);
  addSchemaSet(schema);
  addSchemaValidate(schema);
  return schema;
}

function addSchemaList(schema: Command): void {
  addRemoteCommand(schema, 'list', 'list the keys that have a schema', ['schema list', 'schema list --json']).action(
    async (flags: ConnectionFlags) => {
      const { schemas } = await openClient(flags).listSchemas();
      show(flags, schemas, showSchemas);
    },
  );
}

function addSchemaShow(schema: Command): void {
  addRemoteCommand(schema, 'show', 'print the schema of a key and what else is known of it', [
    'schema show branding',
    'schema show branding --json',
  ])
    .argument('<key>', 'the key')
    .action(async (key: string, flags: ConnectionFlags) => {
      const client = openClient(flags);
      show(flags, await suggestingKey(client, key, undefined, () => client.getSchema(key)), showSchema);
    });
}

interface SetFlags extends ConnectionFlags, Pick<ValueFlags, 'file'> {
  readonly description?: string;
  readonly merge?: 'deep' | 'replace';
  readonly allow?: readonly ConfigScope[];
  readonly impact?: ImpactLevel;
  readonly withoutCode?: 'refuse' | 'accept';
  readonly onInvalid?: 'refuse' | 'report';
  readonly sensitive?: boolean;
  readonly message?: string;
}

function addSchemaSet(schema: Command): void {
  addRemoteCommand(schema, 'set', 'give a key a schema: JSON Schema 2020-12', [
    'schema set limits @limits.schema.json -m "Bounds agreed with operations"',
    `schema set limits '{"type": "object", "properties": {"max": {"type": "integer"}}}'`,
    'schema set theme @theme.schema.json --allow global org --impact medium --on-invalid report',
  ])
    .argument('<key>', 'the key')
    .argument('[schema]', 'JSON, @<file>, or - for standard input')
    .option('-f, --file <file>', 'read the schema from a file, like @<file>; - is standard input')
    .option('--description <text>', 'what the key is for')
    .addOption(new Option('--merge <how>', 'how layers combine (default: deep)').choices(['deep', 'replace']))
    .addOption(new Option('--allow <scopes...>', 'where the key may be set (default: everywhere)').choices(scopes))
    .addOption(new Option('--impact <level>', 'of a change, at most (default: low)').choices(impactLevels))
    .addOption(
      new Option('--without-code <what>', 'for servers without the rules in code').choices(['refuse', 'accept']),
    )
    .addOption(
      new Option('--on-invalid <what>', 'when stored values do not fit (default: refuse)').choices([
        'refuse',
        'report',
      ]),
    )
    .option('--sensitive', 'the whole value is a secret')
    .option('-m, --message <comment>', 'why, for the history')
    .action(async (key: string, argument: string | undefined, flags: SetFlags) => {
      const jsonSchema = await readObject(argument, flags);
      show(flags, await openClient(flags).setSchema(key, jsonSchema, schemaOptions(flags)), showRegistration);
    });
}

function schemaOptions(flags: SetFlags): SchemaOptions {
  const { description, merge, allow, impact, withoutCode, onInvalid, sensitive, message } = flags;
  return {
    ...(description === undefined ? {} : { description }),
    ...(merge === undefined ? {} : { merge }),
    ...(allow === undefined ? {} : { allowedScopes: allow }),
    ...(impact === undefined ? {} : { baseImpact: impact }),
    ...(withoutCode === undefined ? {} : { withoutCode }),
    ...(onInvalid === undefined ? {} : { onInvalid }),
    ...(sensitive === undefined ? {} : { sensitive }),
    ...(message === undefined ? {} : { comment: message }),
  };
}

function addSchemaValidate(schema: Command): void {
  const command = addRemoteCommand(schema, 'validate', 'check a whole value against the schema of a key', [
    `schema validate branding '{"primaryColor": "#336699"}'`,
    'schema validate branding @branding.json && echo fits',
  ])
    .argument('<key>', 'the key')
    .argument('[value]', 'JSON, @<file>, or - for standard input');
  addValueOptions(command).action(
    async (key: string, argument: string | undefined, flags: ConnectionFlags & ValueFlags) => {
      const result = await openClient(flags).validate(key, await readValue(argument, flags));
      if (result.valid || flags.json === true) show(flags, result, () => `The value fits the schema of ${key}.`);
      if (result.valid) return;
      throw new CommandError(
        exitCodes.refused,
        `The value does not fit the schema of ${key}: ${showProblems(result.errors)}. See: strata schema show ${key}`,
      );
    },
  );
}

function showSchemas(schemas: readonly RegisteredSchema[], colours: Colours): string {
  if (schemas.length === 0) return 'No schemas.';
  return table(
    colours,
    ['key', 'scopes', 'impact', 'merge', 'description'],
    schemas.map((schema) => [
      schema.key,
      schema.allowedScopes?.join(', ') ?? 'all',
      schema.baseImpact ?? 'low',
      schema.merge ?? 'deep',
      schema.description === undefined ? null : printable(schema.description),
    ]),
  );
}

function showSchema(schema: RegisteredSchema, colours: Colours): string {
  const { jsonSchema, ...about } = schema;
  return [
    colours.bold(about.key),
    ...(about.description === undefined ? [] : [printable(about.description)]),
    `Scopes:    ${about.allowedScopes?.join(', ') ?? 'all'}`,
    `Impact:    ${about.baseImpact ?? 'low'}`,
    `Merge:     ${about.merge ?? 'deep'}`,
    ...(about.sensitive === true ? ['Sensitive: yes'] : []),
    ...(about.enforcedHere ? [] : ['This server does not hold all of its rules, which are in code.']),
    ...(jsonSchema === undefined ? [] : ['', full(jsonSchema)]),
  ].join('\n');
}

function showRegistration({ key, revision, invalid }: SchemaRegistration): string {
  const done = `${key} has this schema from revision ${String(revision)} on`;
  return invalid.length === 0 ? done : `${done}. Stored values that do not fit it:\n${showBroken(invalid)}`;
}
