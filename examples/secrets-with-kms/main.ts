/** Owns the example: secrets whose keys a key management service keeps, which notes who uses them, replaces them and takes them away. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import {
  ConfigurationError,
  createConfigurationService,
  openEmbeddedDatabase,
  type ConfigurationManagementService,
} from '@strata/service';
import { keyProvider } from './key-provider.ts';
import { startKeyService, type KeyService } from './key-service.ts';

const global = { scope: 'global' } as const;

/**
 * Runs the example on an embedded database in memory and a key service on the loopback.
 * @returns the lines that it has to say.
 */
export async function run(): Promise<string[]> {
  const lines: string[] = [];
  const keys = await startKeyService();
  const database = await openEmbeddedDatabase();
  const running: ConfigurationManagementService[] = [];
  // Each is as a process that has just been started: it knows no key, and asks for them.
  const start = (): ConfigurationManagementService => {
    const service = createConfigurationService(database, { keyProvider: keyProvider(keys) });
    running.push(service);
    return service;
  };
  try {
    const service = start();
    await service.set('api_keys', { stripe: 'sk_live_example' }, global, 'ann', 'Keys of the payment provider');
    lines.push(`Read back: ${JSON.stringify(await service.get('api_keys'))}`);
    const [row] = await database.query<{ text: string }>('SELECT value::text AS text FROM configuration_settings');
    lines.push(`In the database: ${(row?.text ?? '').replace(/\..*"/, '.…"')}`);
    lines.push(`The key service noted: ${noted(keys)}`);

    const old = (await service.getKeyStatus()).currentKeyId ?? '';
    const next = keys.rotate();
    const { rewrapped, left } = await service.rewrapKeys('ann');
    lines.push(`After a rotation ${next} wraps all ${String(rewrapped)} data keys, and ${old} wraps ${String(left)}.`);
    keys.disable(old);
    lines.push(`Without ${old}, a new process reads ${JSON.stringify(await start().get('api_keys'))}`);

    keys.disable(next);
    lines.push(`Without ${next}: ${await refusal(start().get('api_keys'))}`);
    const refused = keys.calls.filter(({ allowed }) => !allowed);
    lines.push(
      `The key service noted: ${String(new Set(refused.map(({ keyId }) => keyId)).size)} key was asked for in vain.`,
    );
    return lines;
  } finally {
    for (const service of running) await service.close();
    await database.close();
    await keys.close();
  }
}

/** Each kind of call once, in the order of the first. */
function noted({ calls }: KeyService): string {
  return [...new Set(calls.map(({ operation, keyId, purpose }) => `${operation} ${purpose} with ${keyId}`))].join(', ');
}

async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    return `unexpectedly ${JSON.stringify(await call)}`;
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const line of await run()) process.stdout.write(`${line}\n`);
}
