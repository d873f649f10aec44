/** Owns the proof that a ciphertext opens in its own place alone: whichever two are swapped, neither is read as anything. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { describeDatabases } from '../../../../test/databases.ts';
import { expectRefusal } from '../../../../test/expectations.ts';
import { servicesOn } from '../../../../test/services.ts';
import type { Database } from '../db/database.ts';
import type { ConfigurationManagementService } from '../configuration-management-service.ts';
import { newKey } from './key-ring.ts';

/** A field with a ciphertext. */
interface Field {
  readonly environment: string;
  readonly key: string;
  readonly scope: 'org' | 'team';
  readonly scopeId: string;
  readonly leaf: 'one' | 'other';
  /** A version that was replaced since; absent: the current value. */
  readonly version?: string;
}

const base: Field = { environment: 'default', key: 'db', scope: 'org', scopeId: 'acme', leaf: 'one' };

/** Fields that each differ from the first in one thing. */
const fieldsOf = (version: string): Readonly<Record<string, Field>> => ({
  base,
  environment: { ...base, environment: 'staging' },
  key: { ...base, key: 'cache' },
  scope: { ...base, scope: 'team' },
  scopeId: { ...base, scopeId: 'other' },
  version: { ...base, version },
  leaf: { ...base, leaf: 'other' },
});

function rowOf({ environment, key, scope, scopeId, version }: Field): readonly [string, readonly string[]] {
  const where = 'environment = $1 AND key = $2 AND scope = $3 AND scope_id = $4';
  const address = [environment, key, scope, scopeId];
  return version === undefined
    ? [`configuration_settings WHERE ${where}`, address]
    : [`configuration_versions WHERE ${where} AND hash LIKE $5 || '%'`, [...address, version]];
}

async function ciphertextAt(database: Database, field: Field): Promise<string> {
  const [row, values] = rowOf(field);
  const found = await database.query<{ text: string }>(`SELECT value -> '${field.leaf}' ->> '$sealed' AS text FROM ${row}`, values); // prettier-ignore
  expect(found).toMatchObject([{ text: expect.stringMatching(/^1\./) as string }]);
  return found[0]?.text ?? '';
}

async function put(database: Database, field: Field, text: string): Promise<void> {
  const [row, values] = rowOf(field);
  const place = `$${String(values.length + 1)}`;
  const changed = `jsonb_set(value::jsonb, '{${field.leaf},$sealed}', to_jsonb(${place}::text))::json`;
  const rows = await database.query(`UPDATE ${row.replace(' WHERE', ` SET value = ${changed} WHERE`)} RETURNING 1`, [...values, text]); // prettier-ignore
  expect(rows).toHaveLength(1);
}

describeDatabases('two ciphertexts that are swapped', (engine) => {
  const services = servicesOn(engine);

  it('are both refused, whatever the two differ in, and nothing else is', async () => {
    const encryptionKey = newKey();
    const { database } = await engine.open();
    const on = (environment: string): ConfigurationManagementService =>
      services.on(database, { encryptionKey, environment, listen: false });
    const secret = z.string().meta({ sensitive: true });
    for (const environment of ['default', 'staging']) {
      for (const key of ['db', 'cache']) await on(environment).registerSchema(key, z.object({ one: secret, other: secret })); // prettier-ignore
    }
    const first = await on('default').set(
      'db',
      { one: 'older', other: 'older' },
      { scope: 'org', scopeId: 'acme' },
      'ann',
    );
    const fields = fieldsOf(first.version);
    // All hold the same secret, so that only its place tells one from another.
    for (const { environment, key, scope, scopeId, leaf, version } of Object.values(fields)) {
      const isOther = leaf === 'other' || version !== undefined;
      if (!isOther) await on(environment).set(key, { one: 'same', other: 'same' }, { scope, scopeId }, 'ann');
    }
    await database.script('ALTER TABLE configuration_versions DISABLE TRIGGER USER');

    /** Reads a field in a process that knows nothing yet. */
    const read = async ({ environment, key, scope, scopeId, version }: Field): Promise<unknown> => {
      const service = on(environment);
      if (version === undefined) return service.get(key, { scope, scopeId });
      return service.getDiff(key, version, version);
    };
    const names = Object.keys(fields);
    const pairs = names.flatMap((one, at) => names.slice(at + 1).map((other) => [one, other] as const));
    expect(pairs).toHaveLength(21);
    for (const pair of pairs) {
      const [one, other] = pair.map((name) => fields[name] ?? base) as [Field, Field];
      const [text, otherText] = [await ciphertextAt(database, one), await ciphertextAt(database, other)];
      expect(text).not.toBe(otherText);
      await put(database, one, otherText);
      await put(database, other, text);
      const rows = new Set([one, other].map((field) => JSON.stringify(rowOf(field))));
      for (const field of Object.values(fields)) {
        if (rows.has(JSON.stringify(rowOf(field)))) {
          const error = await expectRefusal(read(field), 'secret_damaged');
          expect([pair, error.details['address']]).toEqual([pair, `${field.key} at ${field.scope} ${field.scopeId}`]);
        } else await read(field);
      }
      await put(database, one, text);
      await put(database, other, otherText);
    }
    for (const field of Object.values(fields)) await read(field);
    expect(await read(base)).toEqual({ one: 'same', other: 'same' });
  });
});
