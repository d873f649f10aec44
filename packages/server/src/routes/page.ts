/** Owns the routes of the page that people open in a browser. */
import { readFileSync } from 'node:fs';
import type { FastifyReply } from 'fastify';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';

const files = [
  { url: '/', file: 'index.html', type: 'text/html', summary: 'A page that shows values, origins and history' },
  { url: '/page.js', file: 'page.js', type: 'text/javascript', summary: 'The code of the page' },
  { url: '/page.css', file: 'page.css', type: 'text/css', summary: 'The look of the page' },
  { url: '/icon.svg', file: 'icon.svg', type: 'image/svg+xml', summary: 'The icon of the page' },
] as const;

/** The page's own files, its requests to this server and nothing else; nothing inline. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** `GET /`, and what that page consists of. */
export function pageRoutes(): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    for (const { url, file, type, summary } of files) {
      // The same place from the sources and from what is built.
      const text = readFileSync(new URL(`../../page/${file}`, import.meta.url), 'utf8');
      app.get(
        url,
        {
          onSend: answerConditionally,
          schema: {
            summary,
            response: { 200: { content: { [type]: { schema: z.string() } } }, default: problemSchema },
          },
        },
        async (_request, reply) =>
          (reply as FastifyReply)
            .header('content-security-policy', contentSecurityPolicy)
            .type(`${type}; charset=utf-8`)
            .send(text),
      );
    }
    done();
  };
}
