/** Owns the benchmark of secrets (P24): reads and writes of them beside the same ones of plain values, and wrapping their keys anew. */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createConfigurationService,
  openEmbeddedDatabase,
  type ConfigurationManagementService,
  type ServiceOptions,
} from '@strata/service';
import { compare, type Comparison, type Contender, type Goal } from '../harness.ts';
import { startPostgres } from '../postgres.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';

const orgs = 100;
/** How many data keys are wrapped anew in a round. */
const dataKeys = 400;
let written = 0;
/** A new value, about 120 bytes as JSON. */
const newValue = (): Record<string, unknown> => ({
  stripe: `sk_live_${String((written += 1)).padStart(24, '0')}`,
  label: 'written by the benchmark of secrets, every time another one',
  enabled: true,
});
const orgOf = (n: number) => ({ scope: 'org', scopeId: `org-${String(n % orgs)}` }) as const;

/** One store, and how services are started on it. */
interface Store {
  readonly name: string;
  readonly start: (options: ServiceOptions) => ConfigurationManagementService;
  /** Writes the wrapped keys again as they are, a page at a time, and nothing else. */
  readonly updateKeys: () => Promise<void>;
}

// What is read is used, so that no read can be left out as useless.
let seen = 0;

function reads(name: string, service: ConfigurationManagementService, key: string): Contender {
  return {
    name,
    run: async (operations) => {
      for (let n = 0; n < operations; n += 1) if ((await service.get<unknown>(key, orgOf(n))) !== null) seen += 1;
    },
  };
}

function writes(name: string, service: ConfigurationManagementService, key: string): Contender {
  return {
    name,
    run: async (operations) => {
      for (let n = 0; n < operations; n += 1) await service.set(key, newValue(), orgOf(n), 'ann');
    },
  };
}

/** What no read of a secret can do without. */
function decryption(): Contender {
  const [key, nonce] = [createSecretKey(randomBytes(32)), randomBytes(12)];
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(newValue())), cipher.final()]);
  const tag = cipher.getAuthTag();
  return {
    name: 'AES-256-GCM and JSON.parse alone',
    run: (operations) => {
      for (let n = 0; n < operations; n += 1) {
        const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAuthTag(tag);
        if (JSON.parse(decipher.update(sealed, undefined, 'utf8') + decipher.final('utf8')) !== null) seen += 1;
      }
    },
  };
}

const newKey = (): string => randomBytes(32).toString('base64');

async function compareIn({ name, start, updateKeys }: Store): Promise<Comparison[]> {
  const [one, other] = [newKey(), newKey()];
  const cached = start({ encryptionKey: `${one},${other}` });
  const uncached = start({ encryptionKey: `${one},${other}`, cacheEnabled: false });
  await cached.migrate();
  for (const key of ['plain', 'tokens']) {
    await cached.commit(
      Array.from({ length: orgs }, (_, n) => ({ key, ...orgOf(n), value: newValue() })),
      'ann',
    );
    for (let n = 0; n < orgs; n += 1) await cached.get(key, orgOf(n));
  }
  const plain = { hot: reads('plain `get`, from memory', cached, 'plain'), cold: reads('plain `get`, without a cache', uncached, 'plain'), set: writes('plain `set`', cached, 'plain') }; // prettier-ignore
  const secret = { hot: reads('secret `get`, from memory', cached, 'tokens'), cold: reads('secret `get`, without a cache', uncached, 'tokens'), set: writes('secret `set`', cached, 'tokens') }; // prettier-ignore
  const alone = decryption();
  const against = (subject: Contender, peer: Contender): Goal => ({ subject: subject.name, peer: peer.name, measure: 'time' }); // prettier-ignore
  const p24: Goal = { ...against(secret.hot, alone), id: 'P24', must: 1.3, stretch: 1.2 };
  const hot = await compare(`A read from memory, ${name}`, [secret.hot, alone, plain.hot], [p24, against(secret.hot, plain.hot)], { clock: 'processor' }); // prettier-ignore
  const cold = await compare(`A read without a cache, ${name}`, [secret.cold, plain.cold], [against(secret.cold, plain.cold)]); // prettier-ignore
  const set = await compare(`A write, ${name}`, [secret.set, plain.set], [against(secret.set, plain.set)]);
  for (let made = 0; made < dataKeys; made += 1) await cached.rotateKeys('ann');
  return [hot, cold, set, await compareRewrap(name, start, [one, other], updateKeys)];
}

/** Each round wraps all data keys with the other one of two keys. */
async function compareRewrap(
  name: string,
  start: Store['start'],
  keys: readonly [string, string],
  updateKeys: () => Promise<void>,
): Promise<Comparison> {
  let ring: readonly string[] = keys;
  let rewrapper: ConfigurationManagementService | undefined;
  const rewrap: Contender = {
    name: '`rewrapKeys`, each data key',
    // A process that has just been started has to unwrap each of them first.
    prepare: async () => {
      await rewrapper?.close();
      ring = [...ring].reverse();
      rewrapper = start({ encryptionKey: ring.join(',') });
      await rewrapper.getKeyStatus();
    },
    run: async () => {
      const begin = performance.now();
      const { rewrapped = 0 } = (await rewrapper?.rewrapKeys('ann')) ?? {};
      if (rewrapped < dataKeys) throw new Error(`only ${String(rewrapped)} data keys were wrapped anew`);
      return ((performance.now() - begin) * 1e6) / rewrapped;
    },
  };
  const update: Contender = {
    name: 'UPDATE of the same rows, 100 at a time',
    run: async () => {
      const begin = performance.now();
      await updateKeys();
      return ((performance.now() - begin) * 1e6) / dataKeys;
    },
  };
  const goal: Goal = { subject: rewrap.name, peer: update.name, measure: 'time' };
  const comparison = await compare(`Wrapping anew, ${name}`, [rewrap, update], [goal], { operations: 1 });
  await rewrapper?.close();
  return comparison;
}

/** Reads a page of data keys and writes it, as often as it takes. */
async function updateAll(
  query: (text: string, values: unknown[]) => Promise<readonly { id: string }[]>,
): Promise<void> {
  let after = '';
  for (;;) {
    const page = await query('SELECT id, wrapped FROM configuration_data_keys WHERE id > $1 ORDER BY id LIMIT 100', [after]); // prettier-ignore
    const last = page.at(-1);
    if (last === undefined) return;
    await query('UPDATE configuration_data_keys SET wrapped = reverse(reverse(wrapped)), wrapped_at = clock_timestamp() WHERE id = ANY($1) RETURNING id', [page.map(({ id }) => id)]); // prettier-ignore
    after = last.id;
  }
}

const directory = mkdtempSync(join(tmpdir(), 'strata-bench-secrets-'));
const cluster = await startPostgres();
const pool = cluster.pool(10);
// A connection that is still closing when the cluster stops is told so.
pool.on('error', () => undefined);
const embedded = await openEmbeddedDatabase({ dataDir: join(directory, 'store') });
const services: ConfigurationManagementService[] = [];
const keep = (service: ConfigurationManagementService): ConfigurationManagementService => {
  services.push(service);
  return service;
};
try {
  const stores: readonly Store[] = [
    {
      name: 'PGlite',
      start: (options) => keep(createConfigurationService(embedded, options)),
      updateKeys: () => updateAll((text, values) => embedded.query(text, values as never)),
    },
    {
      name: 'PostgreSQL',
      start: (options) => keep(createConfigurationService(pool, options)),
      updateKeys: () => updateAll(async (text, values) => (await pool.query<{ id: string }>(text, values)).rows),
    },
  ];
  const comparisons: Comparison[] = [];
  for (const store of stores) comparisons.push(...(await compareIn(store)));
  publish({
    name: 'secrets/encryption',
    about: `One reader or writer, values of about 120 bytes of one key at ${String(orgs)} orgs: once of \`tokens\`, which are secrets, and once of a plain key. Reads of a secret are within the minute of the audit row that they leave, so that they write none. Both stores sync each write to disk. Wrapping anew is done by a process that has just been started: it unwraps and wraps some ${String(dataKeys)} data keys, and stands beside reading and writing their rows alone.`,
    comparisons,
    versions: { PGlite: packageVersion('@electric-sql/pglite'), PostgreSQL: cluster.version },
  });
  if (seen === 0) throw new Error('nothing was read');
} finally {
  for (const service of services) await service.close();
  await embedded.close();
  await pool.end();
  await cluster.stop();
  rmSync(directory, { recursive: true, force: true });
}
