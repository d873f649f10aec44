/** Owns which database a server or a command works on: an embedded one in a directory, or a PostgreSQL. */
import {
  createConfigurationService,
  openEmbeddedDatabase,
  type ConfigurationManagementService,
  type ServiceOptions,
} from '@strata/service';
import pg from 'pg';
import { openRedis } from './redis.ts';

/** Where the data is. */
export interface StoreOptions {
  /** A PostgreSQL, as a URL. Without one the embedded database is used. */
  readonly databaseUrl?: string | undefined;
  /** The directory of the embedded database; made when it is missing. Default: `./.strata`. */
  readonly dataDir?: string | undefined;
  /** A Redis in which the processes on this store share what they read, as a URL. Without one each keeps to its own memory. */
  readonly redisUrl?: string | undefined;
  /** Whether this process seals the audit log. Default: false. */
  readonly sealAudit?: boolean | undefined;
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
 * @param onIdleError told of errors of connections that nobody waits for; they are replaced.
 * @throws ConfigurationError `invalid_argument` for a URL that is none of Redis.
 */
export async function openStore(options: StoreOptions, onIdleError: (error: Error) => void): Promise<Store> {
  const { databaseUrl, dataDir = './.strata', redisUrl, sealAudit = false } = options;
  const redis = redisUrl === undefined ? undefined : await openRedis(redisUrl, onIdleError);
  const settings: ServiceOptions = {
    usage: true,
    audit: { seal: sealAudit },
    ...(redis === undefined ? {} : { redis }),
  };
  const close = async (closeDatabase: () => Promise<void>): Promise<void> => {
    redis?.disconnect();
    await closeDatabase();
  };
  if (databaseUrl === undefined) {
    const database = await openEmbeddedDatabase({ dataDir }).catch((error: unknown) => {
      redis?.disconnect();
      throw error;
    });
    const service = createConfigurationService(database, settings);
    return storeOn(service, `the embedded database in ${dataDir}`, () => close(() => database.close()));
  }
  const pool = new pg.Pool({ connectionString: databaseUrl, connectionTimeoutMillis: connectTimeout });
  pool.on('error', onIdleError);
  const service = createConfigurationService(pool, settings);
  return storeOn(service, describeUrl(databaseUrl), () => close(() => pool.end()));
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
