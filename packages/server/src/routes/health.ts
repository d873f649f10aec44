/** Owns the routes that tell whoever runs the server how it is. */
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigurationError } from '@strata/core';
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { problemSchema } from '../problem.ts';

/** How long the database may take to answer before the server counts as not ready, in milliseconds. */
const patience = 2000;

/**
 * `GET /healthz`: the process lives. `GET /readyz`: the database answers and is migrated, and the server is not about to end; else 503.
 * @param ending aborts when the server is about to end.
 */
export function healthRoutes(service: ConfigurationManagementService, ending: AbortSignal): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.get(
      '/healthz',
      {
        schema: {
          summary: 'Whether the process lives',
          response: { 200: z.object({ status: z.literal('ok') }), default: problemSchema },
        },
      },
      () => ({ status: 'ok' }) as const,
    );

    app.get(
      '/readyz',
      {
        config: { errors: ['unavailable', 'closed', 'not_migrated', 'server_closing'] },
        schema: {
          summary: 'Whether the database answers and is migrated, and the server is not about to end',
          response: { 200: z.object({ status: z.literal('ready') }), default: problemSchema },
        },
      },
      async () => {
        if (ending.aborted) throw new ConfigurationError('server_closing', {});
        await requireDatabase(service);
        return { status: 'ready' } as const;
      },
    );
    done();
  };
}

/** Asks for the chain of global: it is the same always, and yet read from the database's tables, past every cache. */
async function requireDatabase(service: ConfigurationManagementService): Promise<void> {
  const timer = new AbortController();
  const late = delay(patience, 'late' as const, { signal: timer.signal });
  try {
    const answer = await Promise.race([service.getScopeChain(), late]);
    if (answer === 'late') {
      throw new ConfigurationError('unavailable', { problem: `it took longer than ${String(patience)} ms` });
    }
  } finally {
    timer.abort();
    await late.catch(() => undefined);
  }
}
