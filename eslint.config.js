/** Owns the lint rules: strict, with type information from the root tsconfig.json. */
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** What rules on plain data may not do: time, randomness and pattern engines are arguments, and nothing waits. */
const impure = [
  {
    selector: 'CallExpression[callee.object.name="Date"][callee.property.name="now"]',
    message: 'Time is an argument.',
  },
  { selector: 'CallExpression[callee.name="Date"]', message: 'Time is an argument.' },
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'Time is an argument.' },
  { selector: 'MemberExpression[object.name="Math"][property.name="random"]', message: 'Randomness is an argument.' },
  { selector: 'NewExpression[callee.name="RegExp"]', message: 'A pattern engine for given patterns is an argument.' },
  { selector: 'CallExpression[callee.name="RegExp"]', message: 'A pattern engine for given patterns is an argument.' },
  { selector: ':function[async=true]', message: 'Rules are synchronous: load first, then decide.' },
  { selector: 'NewExpression[callee.name="Promise"]', message: 'Rules are synchronous: load first, then decide.' },
  { selector: 'ImportExpression', message: 'Rules are synchronous: load first, then decide.' },
];

export default defineConfig(
  globalIgnores(['**/dist/', '**/coverage/', '**/.cache/', '**/.strata/', '**/.cluster/', 'test/contract/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A forgotten await or a truthy object once let everyone in elsewhere: these are errors, never warnings.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/strict-boolean-expressions': ['error', { allowString: false, allowNumber: false }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // Callers name the type of a stored value: `get<T>(key)` has T in its result alone.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      // A hook that the framework tells by its promise needs no await.
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
      'no-control-regex': 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['packages/core/src/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: { 'no-restricted-syntax': ['error', ...impure] },
  },
  // Programs that are run by hand talk to whoever runs them.
  {
    files: ['examples/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts', 'packages/cli/src/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
);
