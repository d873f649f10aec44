/** Owns the example: a change that matters goes from its refusal, past a conflict, to its application by two people. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import {
  ConfigScope,
  createConfigurationService,
  isConfigurationError,
  openEmbeddedDatabase,
  type ConfigurationManagementService,
} from '@strata/service';

const key = 'approval_thresholds';
const scope = { scope: ConfigScope.GLOBAL };

/**
 * Runs the example on an embedded database in memory.
 * @returns the lines that it has to say.
 */
export async function run(): Promise<string[]> {
  const lines: string[] = [];
  const database = await openEmbeddedDatabase();
  const service = createConfigurationService(database);
  try {
    await service.set(key, { maintenanceApproval: 500, procurementApproval: 1000 }, scope, 'ann', 'First value');
    lines.push('The first value is stored at once.');

    const wanted = { maintenanceApproval: 600, procurementApproval: 1000 };
    const id = await requestOf(service.set(key, wanted, scope, 'ann', 'Prices went up'));
    const [request] = await service.getPendingChanges('bob');
    lines.push(`Ann changes it: a request waits for ${String(request?.minimumApprovals)} approvals.`);
    lines.push(`Ann approves it herself: ${await outcomeOf(service.approveChange(id, 'ann'))}`);
    lines.push(`Bob approves it: ${await outcomeOf(service.approveChange(id, 'bob', 'Looked at it'))}`);

    const rival = await requestOf(service.set(key, { ...wanted, maintenanceApproval: 700 }, scope, 'dan', 'Even more'));
    await service.approveChange(rival, 'bob');
    await service.approveChange(rival, 'cleo');
    lines.push(`Meanwhile Dan's change of the same part is applied: ${await valueOf(service)}`);
    lines.push(`Cleo approves Ann's as the second: ${await outcomeOf(service.approveChange(id, 'cleo'))}`);

    const { edition } = await service.editChange(id, {}, 'ann');
    lines.push(`Ann proposes it anew, as edition ${String(edition)}.`);
    lines.push(`Bob approves what he saw before: ${await outcomeOf(service.approveChange(id, 'bob'))}`);
    for (const approver of ['bob', 'cleo']) await service.approveChange(id, approver, undefined, { edition });
    lines.push(`Bob and Cleo approve that edition: ${await valueOf(service)}`);
    return lines;
  } finally {
    await service.close();
    await database.close();
  }
}

/** The request that a write made, which was not stored. */
async function requestOf(write: Promise<unknown>): Promise<string> {
  try {
    await write;
  } catch (error) {
    if (isConfigurationError(error, 'approval_required')) return String(error.details['requestId']);
    throw error;
  }
  throw new Error('the write was stored');
}

async function outcomeOf(call: Promise<{ readonly status: string }>): Promise<string> {
  try {
    return (await call).status;
  } catch (error) {
    if (isConfigurationError(error)) return `refused, ${error.code}`;
    throw error;
  }
}

async function valueOf(service: ConfigurationManagementService): Promise<string> {
  return JSON.stringify(await service.get(key));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) for (const line of await run()) console.log(line);
