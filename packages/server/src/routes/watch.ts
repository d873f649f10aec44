/** Owns the route of the feed: Server-Sent Events, and the same over a WebSocket. */
import { ConfigurationError } from '@strata/core';
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { openEventStream } from '../live/event-stream.ts';
import type { Live } from '../live/live.ts';
import type { Upgrades } from '../live/upgrades.ts';
import { subscribeOptions, watchQuery } from '../live/watch-request.ts';
import { serveWebSocket } from '../live/web-socket.ts';
import { problemSchema } from '../problem.ts';
import { singleHeader } from '../request-guard.ts';

const watchHeaders = z.looseObject({
  'last-event-id': z.string().optional().describe('The id of the last event seen; wins over fromRevision'),
});

/** `GET /v1/watch`: a stream of commits; with `Upgrade: websocket`, several of them over one connection. */
export function watchRoutes(
  service: ConfigurationManagementService,
  live: Live,
  upgrades: Upgrades,
): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.get(
      '/v1/watch',
      {
        // It would begin a stream, too.
        exposeHeadRoute: false,
        config: { errors: ['invalid_key', 'invalid_scope', 'server_closing', 'cross_site'] },
        schema: {
          summary: 'Every commit as it happens, as Server-Sent Events; with Upgrade: websocket over a WebSocket',
          querystring: watchQuery,
          headers: watchHeaders,
          response: { 200: { content: { 'text/event-stream': { schema: z.string() } } }, default: problemSchema },
        },
      },
      async (request, reply) => {
        const acting = service.as(actorOf(request));
        const hijack = (): void => void reply.hijack();
        if (upgrades.has(request.raw)) {
          openWebSocket(request, hijack, acting, live, upgrades);
          return;
        }
        const options = subscribeOptions(request.query, lastEventId(request));
        const place = { request: request.raw, response: reply.raw, headers: reply.getHeaders() };
        await openEventStream(live, place, (listener) => acting.subscribe(options, listener), hijack);
      },
    );
    done();
  };
}

/** Some clients send the header empty where they have seen no event yet. */
function lastEventId(request: FastifyRequest): string | undefined {
  const id = singleHeader(request, 'last-event-id');
  return id === '' ? undefined : id;
}

function openWebSocket(
  request: FastifyRequest,
  hijack: () => void,
  service: ConfigurationManagementService,
  live: Live,
  upgrades: Upgrades,
): void {
  live.requireOpen();
  if (request.url.includes('?')) {
    const problem = 'a WebSocket takes no query: what it subscribes to is said in messages';
    throw new ConfigurationError('invalid_request', { problem });
  }
  const { webSocket, socket } = upgrades.accept(request.raw, hijack);
  const failed = (error: unknown): void => request.log.error({ err: error }, 'a subscription failed');
  serveWebSocket({ live, service, webSocket, socket, requestId: request.id, failed });
}
