/** Owns how tests run: workspace packages resolve to their TypeScript source, and one PostgreSQL cluster serves the whole run. */
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// `source` leads to a workspace package's TypeScript; the others are what Vite takes for Node by default.
const conditions = ['source', 'module', 'node', 'development|production'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // A net for what hangs, not a measure: machines that run the suite are shared.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    // Commands and servers are processes of their own in many tests: what Node made of the sources once serves the next one too.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/strata-tests') },
    projects: [
      // The rules are pure: their tests need no database and start at once.
      { extends: true, test: { name: 'core', include: ['packages/core/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'databases',
          include: ['packages/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: ['packages/core/**', '**/node_modules/**', '**/dist/**'],
          globalSetup: ['test/postgres.setup.ts'],
        },
      },
    ],
  },
});
