/**
 * Owns the layering: which part of the project may import which, type imports included.
 *
 *     console -> client -> core <- service <- server <- cli -> client
 *
 * What no arrow names is refused. Tests may also use test tools, and the index of their own package.
 */

const tests = '\\.test\\.tsx?$|/src/testing/';

/** The packages that each package may import besides itself. */
const mayImport = {
  core: [],
  client: ['core'],
  console: ['client'],
  service: ['core'],
  server: ['service', 'core'],
  cli: ['client', 'server', 'service', 'core'],
};

const directions = Object.entries(mayImport).map(([name, others]) => ({
  name: `direction-of-${name}`,
  comment: `packages/${name} may import ${others.map((other) => `packages/${other}`).join(', ') || 'no other package'}.`,
  severity: 'error',
  from: { path: `^packages/${name}/` },
  to: {
    path: '^(packages|examples|bench|e2e|scripts|deploy)/',
    pathNot: `^packages/(${[name, ...others].join('|')})/`,
  },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...directions,
    {
      name: 'through-the-index',
      comment: 'Another package is reached by its name, so through its index.ts, never by a path into it.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/', pathNot: ['^packages/$1/', '^packages/[^/]+/src/(schema/)?index\\.ts$'] },
    },
    {
      name: 'examples-through-the-index',
      comment: 'An example imports what a user can import.',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^packages/', pathNot: '^packages/[^/]+/src/(schema/)?index\\.ts$' },
    },
    {
      name: 'not-its-own-index',
      comment: 'Nothing inside a package imports its own index.ts; import the file that owns the name.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/', pathNot: tests },
      to: { path: '^packages/$1/src/(schema/)?index\\.ts$' },
    },
    {
      name: 'core-is-pure',
      comment: 'The rules run in a browser unchanged: no npm package and no Node module.',
      severity: 'error',
      from: { path: '^packages/core/src/', pathNot: [tests, '^packages/core/src/schema/'] },
      to: { pathNot: '^packages/' },
    },
    {
      name: 'core-schema-takes-only-zod',
      comment: 'core/src/schema may import zod, and nothing else that is not ours.',
      severity: 'error',
      from: { path: '^packages/core/src/schema/', pathNot: tests },
      to: { pathNot: ['^packages/', '(^|/)node_modules/zod/'] },
    },
    {
      name: 'core-keeps-zod-apart',
      comment:
        'Zod stays behind the subpath core/schema, which nothing else of core and nothing of the client imports.',
      severity: 'error',
      from: { path: '^packages/(core|client|console)/src/', pathNot: [tests, '^packages/core/src/schema/'] },
      to: { path: '^packages/core/src/schema/' },
    },
    {
      name: 'client-without-dependencies',
      comment: 'The client takes no npm package; a framework that it binds to is an optional peer.',
      severity: 'error',
      from: { path: '^packages/client/src/', pathNot: tests },
      to: { dependencyTypes: ['npm', 'npm-optional'] },
    },
    {
      name: 'declared',
      comment: 'A package declares in its own package.json what it imports.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: tests },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-cycles',
      comment: 'No import leads back to where it started, type imports included.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'What is not found cannot be judged: the import is wrong, or the resolver below is.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // Keeps type-only imports, which are gone after compilation.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: ['(^|/)node_modules/', '^packages/[^/]+/dist/'] },
    enhancedResolveOptions: {
      // `source` leads from a workspace package to its TypeScript, as in tsconfig.json.
      exportsFields: ['exports'],
      conditionNames: ['source', 'types', 'import', 'node', 'default'],
      mainFields: ['types', 'module', 'main'],
      extensions: ['.ts', '.tsx', '.d.ts', '.mjs', '.cjs', '.js', '.json'],
    },
  },
};
