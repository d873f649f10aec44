/** Owns the view of one environment from another one of the same store. */
import type { Context } from './context.ts';
import { RuleBook } from './rules.ts';

/** The same store, as a service of another environment sees it. */
export function inEnvironment(context: Context, environment: string): Context {
  if (environment === context.environment) return context;
  return {
    ...context,
    environment,
    access: context.access.inEnvironment(environment),
    ruleBook: new RuleBook(environment),
  };
}
