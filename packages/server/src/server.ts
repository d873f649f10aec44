/** Owns the HTTP server as a whole: its limits, its hooks and its routes. */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { ConfigurationError } from '@strata/core';
import type { ConfigurationManagementService } from '@strata/service';
import fastify, { LogController, type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { answerClientError } from './client-error.ts';
import { parseJsonBody } from './json-body.ts';
import { Live, type LiveOptions } from './live/live.ts';
import { isHandshake, Upgrades } from './live/upgrades.ts';
import { answerUnknownRoute } from './not-found.ts';
import { collectRoutes } from './openapi/document.ts';
import { bodyLimit, sendProblem } from './problem.ts';
import { guardRequest } from './request-guard.ts';
import { auditRoutes } from './routes/audit.ts';
import { backupRoutes } from './routes/backup.ts';
import { blameRoutes } from './routes/blame.ts';
import { compareRoutes } from './routes/compare.ts';
import { commitRoutes } from './routes/commits.ts';
import { explainRoutes } from './routes/explain.ts';
import { changeRequestRoutes } from './routes/change-requests.ts';
import { evaluateRoutes } from './routes/evaluate.ts';
import { exportRoutes } from './routes/export.ts';
import { flagRoutes } from './routes/flags.ts';
import { healthRoutes } from './routes/health.ts';
import { importRoutes } from './routes/import.ts';
import { historyRoutes } from './routes/history.ts';
import { impactRoutes } from './routes/impact.ts';
import { layerRoutes } from './routes/layers.ts';
import { lockRoutes } from './routes/locks.ts';
import { openApiRoutes } from './routes/openapi.ts';
import { pageRoutes } from './routes/page.ts';
import { policyRoutes } from './routes/policies.ts';
import { restoreRoutes } from './routes/restore.ts';
import { revertRoutes } from './routes/revert.ts';
import { roleRoutes } from './routes/roles.ts';
import { schemaRoutes } from './routes/schemas.ts';
import { scopeRoutes } from './routes/scopes.ts';
import { tagRoutes } from './routes/tags.ts';
import { usageRoutes } from './routes/usage.ts';
import { keyRoutes } from './routes/keys.ts';
import { encryptionKeyRoutes } from './routes/encryption-keys.ts';
import { revealRoutes } from './routes/reveal.ts';
import { valueRoutes } from './routes/values.ts';
import { watchRoutes } from './routes/watch.ts';
import { securityHeaders } from './security-headers.ts';

/** What `createServer` takes besides the service. */
export interface ServerOptions extends LiveOptions {
  /** Where the server logs what goes wrong in it, as fastify takes it. Default: nowhere. */
  readonly logger?: FastifyServerOptions['logger'];
  /** How long a request may take to arrive, in milliseconds: its headers a third of it. Default: 30,000. */
  readonly requestTimeout?: number;
  /**
   * Aborts when the server is about to end: from then on it is not ready, takes no new streams, and tells those who have one to connect
   * elsewhere. Closing the server does the same.
   */
  readonly ending?: AbortSignal;
}

/**
 * Makes the HTTP server of a service. It listens nowhere yet: call `listen`, or `inject` in tests. It answers only requests that
 * come from this machine, since it has no login yet, and never closes the service.
 */
export function createServer(service: ConfigurationManagementService, options: ServerOptions = {}): FastifyInstance {
  const app = fastify({
    ...limits(options.requestTimeout ?? 30_000),
    logger: options.logger ?? false,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    // Requests that arrive on open connections while the server closes are served too, and told that the connection ends.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
    clientErrorHandler: answerClientError,
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(sendProblem);
  acceptJsonOnly(app);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ ...securityHeaders, 'x-request-id': request.id });
    guardRequest(request);
  });
  app.setNotFoundHandler(answerUnknownRoute(app));
  const document = collectRoutes(app);
  for (const routes of features) app.register(routes(service));
  const ending = endingOf(app, options.ending);
  app.register(healthRoutes(service, ending));
  app.register(watchRoutes(service, new Live(options, ending), new Upgrades(app)));
  app.register(openApiRoutes(document));
  app.register(pageRoutes());
  return app;
}

const features = [
  valueRoutes,
  revealRoutes,
  layerRoutes,
  commitRoutes,
  historyRoutes,
  restoreRoutes,
  revertRoutes,
  explainRoutes,
  blameRoutes,
  tagRoutes,
  lockRoutes,
  schemaRoutes,
  scopeRoutes,
  exportRoutes,
  importRoutes,
  flagRoutes,
  evaluateRoutes,
  backupRoutes,
  compareRoutes,
  changeRequestRoutes,
  policyRoutes,
  roleRoutes,
  usageRoutes,
  auditRoutes,
  impactRoutes,
  keyRoutes,
  encryptionKeyRoutes,
];

/** Aborts with the signal that was given, and at the latest when the server closes. */
function endingOf(app: FastifyInstance, given: AbortSignal | undefined): AbortSignal {
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());
  return given === undefined ? closing.signal : AbortSignal.any([given, closing.signal]);
}

/** Bounds on what a client may hold open: a connection that says nothing, headers and bodies that trickle in. */
function limits(requestTimeout: number) {
  return {
    bodyLimit,
    requestTimeout,
    keepAliveTimeout: 65_000,
    http: {
      headersTimeout: Math.ceil(requestTimeout / 3),
      connectionsCheckingInterval: Math.min(1000, requestTimeout),
      maxHeaderSize: 16 * 1024,
      // The guard tells what is wrong with a Host header, and Node would answer without a body.
      requireHostHeader: false,
      // Any other protocol to switch to is left out of account, and the request answered as it is.
      shouldUpgradeCallback: isHandshake,
    },
  };
}

function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      requirePlainUtf8(request.headers);
      done(null, parseJsonBody(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
}

/** @throws ConfigurationError `unsupported_media_type` for a body that is compressed or of another character set. */
function requirePlainUtf8(headers: IncomingHttpHeaders): void {
  const encoding = headers['content-encoding'] ?? 'identity';
  const type = headers['content-type'] ?? '';
  if (encoding !== 'identity')
    throw new ConfigurationError('unsupported_media_type', { type: `encoded as ${encoding}` });
  if (!/^[^;]*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type))
    throw new ConfigurationError('unsupported_media_type', { type });
}
