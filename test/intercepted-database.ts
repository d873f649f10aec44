/** Owns a database whose statements a test can watch, hold up, replace by a fault or follow by one. */
import type { Database, Row, Sql, SqlParameter } from '../packages/service/src/db/database.ts';

/** One statement on its way. */
export interface Statement {
  readonly text: string;
  readonly parameters: readonly SqlParameter[];
  readonly isInTransaction: boolean;
  /** Whether it calls the write step. */
  readonly isStep: boolean;
}

/** Does what the test wants with a statement; `run` hands it on. */
export type Interception = (statement: Statement, run: () => Promise<Row[]>) => Promise<Row[]>;

/** `inner`, with every statement given to `intercept` first. */
export function interceptDatabase(inner: Database, intercept: Interception): Database {
  const wrap = (sql: Sql, isInTransaction: boolean): Pick<Sql, 'query'> => ({
    async query<R extends Row>(
      text: string,
      parameters: readonly SqlParameter[] = [],
      ...rest: [name?: string, options?: { readonly timeoutMs?: number }]
    ) {
      const statement = { text, parameters, isInTransaction, isStep: text.includes('configuration_write(') };
      return (await intercept(statement, () => sql.query(text, parameters, ...rest))) as R[];
    },
  });
  return {
    ...wrap(inner, false),
    kind: inner.kind,
    script: (text) => inner.script(text),
    transaction: (work) => inner.transaction((sql) => work({ ...wrap(sql, true), script: (text) => sql.script(text) })),
    ...(inner.listen === undefined
      ? {}
      : { listen: (...listen) => inner.listen?.(...listen) ?? Promise.resolve(undefined) }),
    close: () => inner.close(),
  };
}

/** How many commits each write step carried that went through `database`, in the order in which they were sent. */
export function countSteps(inner: Database): { readonly database: Database; readonly steps: number[] } {
  const steps: number[] = [];
  const database = interceptDatabase(inner, ({ isStep, parameters }, run) => {
    const commits = parameters[5];
    if (isStep && Array.isArray(commits)) steps.push(commits.length);
    return run();
  });
  return { database, steps };
}
