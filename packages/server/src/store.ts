/** Owns which database a server or a command works on: an embedded one in a directory, or a PostgreSQL. */
import { createConfigurationService, openEmbeddedDatabase, type ConfigurationManagementService } from '@strata/service';
import pg from 'pg';

/** Where the data is. */
export interface StoreOptions {
  /** A PostgreSQL, as a URL. Without one the embedded database is used. */
  readonly databaseUrl?: string | undefined;
  /** The directory of the embedded database; made when it is missing. Default: `./.strata`. */
  readonly dataDir?: string | undefined;
}

/** A service with the database that was opened for it. */
export interface Store {
  readonly service: ConfigurationManagementService;
  /** Where the data is, for people; without the password of a URL. */
  readonly place: string;
  /** Waits for writes under way and ends the service and its database. */
  close(): Promise<void>;
}

/** How long to wait for a connection to PostgreSQL, in milliseconds. */
const connectTimeout = 5000;

/**
 * Opens the database and makes the service on it. PostgreSQL is not contacted yet, and nothing is migrated.
 * @param onIdleError told of errors of connections that nobody waits for; the pool replaces them.
 */
export async function openStore(options: StoreOptions, onIdleError: (error: Error) => void): Promise<Store> {
  const { databaseUrl, dataDir = './.strata' } = options;
  if (databaseUrl === undefined) {
    const database = await openEmbeddedDatabase({ dataDir });
    return storeOn(createConfigurationService(database), `the embedded database in ${dataDir}`, () => database.close());
  }
  const pool = new pg.Pool({ connectionString: databaseUrl, connectionTimeoutMillis: connectTimeout });
  pool.on('error', onIdleError);
  return storeOn(createConfigurationService(pool), describeUrl(databaseUrl), () => pool.end());
}

function storeOn(service: ConfigurationManagementService, place: string, closeDatabase: () => Promise<void>): Store {
  return {
    service,
    place,
    async close() {
      try {
        await service.close();
      } finally {
        await closeDatabase();
      }
    },
  };
}

/** Names a PostgreSQL without user and password. */
function describeUrl(databaseUrl: string): string {
  if (!URL.canParse(databaseUrl)) return 'PostgreSQL';
  const { hostname, port, pathname } = new URL(databaseUrl);
  return `PostgreSQL at ${hostname}${port === '' ? '' : `:${port}`}${pathname}`;
}
