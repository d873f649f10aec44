/** Owns who hears of the writes of the commit-to-callback benchmark in another process: a bare client, a library, or a server. */
import { createServer } from '@strata/server';
import { createConfigurationService, type ConfigurationManagementService } from '@strata/service';
import pg from 'pg';

const [kind, databaseUrl] = process.argv.slice(2);

/** The clock is the system's monotonic one, the same in all processes. */
const arrived = (): unknown => process.send?.({ at: String(process.hrtime.bigint()) });

async function openService(): Promise<ConfigurationManagementService> {
  const service = createConfigurationService(new pg.Pool({ connectionString: databaseUrl, max: 4 }));
  await service.migrate();
  return service;
}

const starts = {
  /** Hears of the notification, and reads nothing. */
  bare: async () => {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    client.on('notification', arrived);
    await client.query('LISTEN bench');
    return {};
  },
  library: async () => {
    await (await openService()).watchConfig('theme', arrived);
    return {};
  },
  /** Tells of its address alone: who reads the stream takes the time. */
  server: async () => ({ url: await createServer(await openService()).listen({ host: '127.0.0.1', port: 0 }) }),
};
process.send?.(await starts[kind as keyof typeof starts]());
// It ends with the process that measures.
process.on('disconnect', () => process.exit());
