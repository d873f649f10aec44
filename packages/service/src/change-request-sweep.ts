/** Owns what time does to change requests: those that waited too long expire, those that are scheduled are applied. */
import { settleDue } from './change-request-decisions.ts';
import type { Context } from './context.ts';
import { readDueRequests } from './store/change-requests.ts';

const pageSize = 100;

/** Settles requests whose time has come by the database's clock. Processes at once do not disturb each other: each request is locked. */
export async function settleDueRequests(context: Context): Promise<void> {
  for (const { id } of await readDueRequests(context.db, context.environment, pageSize)) await settleDue(context, id);
}
