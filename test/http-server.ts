/** Owns a server for tests: the real one, on a real service with an embedded database of its own. */
import { createHash } from 'node:crypto';
import { documentCheck, type ApiDocument } from './api-document.ts';
import { createServer, type ServerOptions } from '../packages/server/src/server.ts';
import {
  createConfigurationService,
  openEmbeddedDatabase,
  type ConfigurationManagementService,
  type Database,
  type ServiceOptions,
} from '@strata/service';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';

/** The key of every store of a test server, so that a backup of one is readable on another. */
export const testKey = createHash('sha256').update('test servers').digest('base64');

/** A server that tests send requests to. */
export interface TestServer {
  readonly app: FastifyInstance;
  readonly service: ConfigurationManagementService;
  readonly database: Database;
  /** Sends a JSON body, or none, as a program on this machine would. Throws when the answer is none that the API's document tells of. */
  send(
    method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE',
    url: string,
    body?: unknown,
    headers?: Headers,
  ): Promise<LightMyRequestResponse>;
  close(): Promise<void>;
}

type Headers = NonNullable<InjectOptions['headers']>;

/** Starts a server on an empty database in memory. @param keys with which keys, where the settings name none; `{}` for a new one. */
export async function startTestServer(
  options: ServerOptions = {},
  settings: ServiceOptions = {},
  keys: Pick<ServiceOptions, 'encryptionKey'> = settings.keyProvider === undefined ? { encryptionKey: testKey } : {},
): Promise<TestServer> {
  const database = await openEmbeddedDatabase();
  const service = createConfigurationService(database, { ...keys, ...settings });
  const app = createServer(service, options);
  let check: ReturnType<typeof documentCheck> | undefined;
  return {
    app,
    service,
    database,
    async send(method, url, body, headers = {}) {
      const answer = await app.inject({
        method,
        url,
        headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      check ??= documentCheck((await app.inject('/v1/openapi.json')).json<ApiDocument>());
      check(method, url, answer);
      return answer;
    },
    async close() {
      await app.close();
      await service.close();
      await database.close();
    },
  };
}
