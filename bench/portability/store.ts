/** Owns the store that is exported and imported, in the process of the benchmark and in those whose memory is measured. */
import { createConfigurationService, type ConfigurationManagementService } from '@strata/service';
import type pg from 'pg';

export const keys = 100_000;
export const source = { scope: 'org', scopeId: 'acme' } as const;

/** The service of an environment. Nothing of it is cached: what is measured is the way out and in. */
export function serviceOn(pool: pg.Pool, environment: string): ConfigurationManagementService {
  return createConfigurationService(pool, { environment, cacheEnabled: false, listen: false });
}

/** Fills the store: values of about 120 bytes. */
export async function fill(service: ConfigurationManagementService): Promise<void> {
  await service.migrate();
  for (let first = 0; first < keys; first += 1000) {
    const changes = Array.from({ length: 1000 }, (_, place) => ({
      key: `bench/setting-${String(first + place)}`,
      ...source,
      value: {
        number: first + place,
        label: 'one of many values of the benchmark of documents',
        limits: { perMinute: 60, burst: 20 },
      },
    }));
    await service.commit(changes, 'bench');
  }
}

/** Exports, and answers how many characters the document has. */
export async function exportAll(service: ConfigurationManagementService): Promise<number> {
  let length = 0;
  for await (const part of service.exportStream(source)) length += part.length;
  return length;
}

/** Imports, and makes sure that all of it went in. */
export async function importAll(service: ConfigurationManagementService, document: string): Promise<void> {
  const result = await service.importConfig(document, 'json', 'bench');
  if (result.imported !== keys)
    throw new Error(`imported ${JSON.stringify({ ...result, errors: result.errors.length })}`);
}
