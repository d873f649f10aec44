/** Owns a server for tests: the real one, on a real service with an embedded database of its own. */
import { createServer, type ServerOptions } from '../packages/server/src/server.ts';
import { createConfigurationService, openEmbeddedDatabase, type ConfigurationManagementService } from '@strata/service';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';

/** A server that tests send requests to. */
export interface TestServer {
  readonly app: FastifyInstance;
  readonly service: ConfigurationManagementService;
  /** Sends a JSON body, or none, as a program on this machine would. */
  send(
    method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE',
    url: string,
    body?: unknown,
    headers?: Headers,
  ): Promise<LightMyRequestResponse>;
  close(): Promise<void>;
}

type Headers = NonNullable<InjectOptions['headers']>;

/** Starts a server on an empty database in memory. */
export async function startTestServer(options: ServerOptions = {}): Promise<TestServer> {
  const database = await openEmbeddedDatabase();
  const service = createConfigurationService(database);
  const app = createServer(service, options);
  return {
    app,
    service,
    send: (method, url, body, headers = {}) =>
      app.inject({
        method,
        url,
        headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    async close() {
      await app.close();
      await service.close();
      await database.close();
    },
  };
}
