/** Owns the answer where no route fits: nothing there, or not with this method. */
import { ConfigurationError } from '@strata/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/**
 * Makes the handler of requests that no route takes: 405 with `Allow` where the path has other methods, else 404. It watches the
 * routes that are added to `app`, so it is made before them.
 */
export function answerUnknownRoute(app: FastifyInstance): (request: FastifyRequest, reply: FastifyReply) => void {
  const routes: { readonly url: string; readonly methods: readonly string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => void routes.push({ url, methods: [method].flat() }));
  return (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = new Set(routes.filter(({ url }) => fits(url, path)).flatMap(({ methods }) => methods));
    if (allowed.size === 0) throw new ConfigurationError('route_not_found', { path: JSON.stringify(path) });
    const list = [...allowed].sort().join(', ');
    reply.header('allow', list);
    throw new ConfigurationError('method_not_allowed', { method: request.method, path, allowed: list });
  };
}

/** Whether a path is one that a route's pattern takes: the same text, any segment for a `:name`, or what begins with the text before its `*`. */
function fits(pattern: string, path: string): boolean {
  if (pattern.endsWith('*')) return path.startsWith(pattern.slice(0, -1));
  const [segments, given] = [pattern.split('/'), path.split('/')];
  return (
    segments.length === given.length &&
    segments.every((segment, index) => segment === given[index] || (segment.startsWith(':') && given[index] !== ''))
  );
}
