/** Owns the client as a whole. */
import { auditCalls } from './audit.ts';
import { backupCalls } from './backup.ts';
import { changeRequestCalls, policyCalls, roleCalls } from './change-requests.ts';
import { compareCalls } from './compare.ts';
import { connect, type ConnectionOptions } from './connection.ts';
import { documentCalls } from './documents.ts';
import { flagCalls } from './flags.ts';
import { historyCalls } from './history.ts';
import { impactCalls } from './impact.ts';
import { keyCalls } from './keys.ts';
import { layerCalls } from './layers.ts';
import { lockCalls } from './locks.ts';
import { schemaCalls } from './schemas.ts';
import { scopeCalls } from './scopes.ts';
import { tagCalls } from './tags.ts';
import { usageCalls } from './usage.ts';
import { valueCalls } from './values.ts';
import { watchCalls } from './watch.ts';

/** What `createClient` takes. */
export type ClientOptions = ConnectionOptions;

/** The calls of a Strata server, one method for each. Every failure is a `StrataClientError` with a `code`. */
export type StrataClient = ReturnType<typeof createClient>;

/**
 * Makes a client of one server, acting as one actor. Synchronous; nothing is sent yet. Runs wherever there is `fetch`.
 * @throws StrataClientError `invalid_argument` for options that cannot be used.
 */
export function createClient(options: ClientOptions) {
  const connection = connect(options);
  return Object.freeze({
    /**
     * The revision of this client's last write; 0 before the first. As `minRevision` it lets a read see that write, at any server of the
     * store.
     */
    get lastRevision(): number {
      return connection.lastRevision;
    },
    ...valueCalls(connection),
    ...layerCalls(connection),
    ...historyCalls(connection),
    ...tagCalls(connection),
    ...lockCalls(connection),
    ...schemaCalls(connection),
    ...scopeCalls(connection),
    ...documentCalls(connection),
    ...flagCalls(connection),
    ...backupCalls(connection),
    ...compareCalls(connection),
    ...changeRequestCalls(connection),
    ...policyCalls(connection),
    ...roleCalls(connection),
    ...usageCalls(connection),
    ...auditCalls(connection),
    ...impactCalls(connection),
    ...keyCalls(connection),
    ...watchCalls(connection),
  });
}
