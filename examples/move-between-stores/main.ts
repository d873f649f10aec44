/** Owns the example: an org moves to another store with its secrets, a difference is promoted, and a whole store is put back. */
import { randomBytes } from 'node:crypto';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { createConfigurationService, openEmbeddedDatabase, type ConfigurationManagementService } from '@strata/service';

const acme = { scope: 'org', scopeId: 'acme' } as const;
const globex = { scope: 'org', scopeId: 'globex' } as const;
const passphrase = 'horses graze at noon';
const newKey = (): string => randomBytes(32).toString('base64');

/**
 * Runs the example on embedded databases in memory.
 * @returns the lines that it has to say.
 */
export async function run(): Promise<string[]> {
  const lines: string[] = [];
  const endings: (() => Promise<void>)[] = [];
  const open = async (encryptionKey: string): Promise<ConfigurationManagementService> => {
    const database = await openEmbeddedDatabase();
    const service = createConfigurationService(database, { encryptionKey });
    endings.push(
      () => service.close(),
      () => database.close(),
    );
    return service;
  };
  try {
    const key = newKey();
    const old = await open(key);
    await old.set('pm_intervals', { lightDuty: 5000 }, acme, 'ann', 'Company standard');
    await old.set('api_keys', { telematics: 'tk_4711' }, acme, 'ann');

    // A store with other keys cannot open what this one has sealed, but what a passphrase has.
    const document = await old.exportConfig(acme, 'json', { passphrase });
    lines.push(`The document shows the secret: ${String(document.includes('tk_4711'))}`);
    const next = await open(newKey());
    const preview = await next.importConfig(document, 'json', 'bob', undefined, { passphrase, dryRun: true });
    for (const { key: name, diff } of preview.changes ?? [])
      lines.push(`Would change ${name}: ${diff.map(({ path }) => (path === '$' ? 'a new value' : path)).join(', ')}`);
    const { imported } = await next.importConfig(document, 'json', 'bob', undefined, { passphrase, atomic: true });
    lines.push(
      `Imported ${String(imported)} keys; the secret reads ${JSON.stringify(await next.get('api_keys', acme))}`,
    );
    const again = await next.importConfig(document, 'json', 'bob', undefined, { passphrase });
    lines.push(`Imported again: ${String(again.imported)} written, ${String(again.skipped)} there already`);

    // Another org is to have the same intervals; secrets are compared and promoted by nobody.
    const { differences } = await next.compareConfig(acme, globex);
    lines.push(`Other at ${globex.scopeId}: ${differences.map(({ key: name }) => name).join(', ')}`);
    await next.promoteConfig(acme, 'bob', globex, { only: [{ key: 'pm_intervals' }] });
    lines.push(`Promoted: ${JSON.stringify(await next.get('pm_intervals', globex))}`);

    // All there is, with its history, in a store that has the same key.
    const copy = await open(key);
    const { revision } = await copy.restoreBackup(old.backup({ passphrase }), { passphrase });
    const [version] = await copy.getHistory('pm_intervals');
    lines.push(
      `Restored revision ${String(revision)}: ${version?.changedBy ?? 'nobody'} wrote "${version?.comment ?? ''}"`,
    );
    lines.push(`Its audit log holds: ${String((await copy.verifyAudit()).ok)}`);
    return lines;
  } finally {
    for (const end of endings.reverse()) await end();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const line of await run()) process.stdout.write(`${line}\n`);
}
