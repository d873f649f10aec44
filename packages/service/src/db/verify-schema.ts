/** Owns the proof that a database holds the schema that the migrations make: a comparison with a fresh one, rolled back. */
import { randomUUID } from 'node:crypto';
import type { Database, QueryOptions, Sql } from './database.ts';

/** One thing of a schema, in words that do not depend on the schema's name. */
type Fact = Readonly<{ kind: string; owner: string; name: string; definition: string }>;

// Beside other starters it waits for their locks, as a migration does.
const patience: QueryOptions = { timeoutMs: 600_000 };

/**
 * What differs between the schema that holds the tables of Strata and what `migrations` make, in words; empty when nothing does.
 * @param exact whether columns, constraints, triggers and unique indexes that the migrations do not make count as differences.
 */
export async function verifySchema(
  database: Database,
  migrations: readonly { readonly body: string }[],
  exact: boolean,
): Promise<string[]> {
  const scratch = `configuration_verify_${randomUUID().replaceAll('-', '')}`;
  let differences: string[] = [];
  const undo = new Error('the scratch schema is not kept');
  try {
    await database.transaction(async (sql) => {
      const schema = await ownSchema(sql);
      const actual = await readFacts(sql, schema);
      await sql.script(`CREATE SCHEMA ${scratch}; SET LOCAL search_path TO ${scratch}`);
      for (const { body } of migrations) await sql.script(body);
      differences = compare(await readFacts(sql, scratch), actual, exact);
      throw undo;
    });
  } catch (error) {
    if (error !== undo) throw error;
  }
  return differences;
}

async function ownSchema(sql: Sql): Promise<string> {
  const [row] = await sql.query<{ schema: string }>(
    `SELECT quote_ident(n.nspname) AS schema FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = 'configuration_migrations'::regclass`,
  );
  return row?.schema ?? 'public';
}

/** All facts about the tables and functions of one schema whose names say that they belong to Strata. */
async function readFacts(sql: Sql, schema: string): Promise<Fact[]> {
  // With the schema on the path, and nothing else, the catalogue functions leave its name out.
  await sql.script(`SET LOCAL search_path TO ${schema}`);
  return sql.query<Fact>(factsQuery, [], undefined, patience);
}

const factsQuery = `
WITH tables AS (
  SELECT c.oid, c.relname AS name, c.relkind AS kind, c.relpersistence AS persistence, c.relrowsecurity AS secured,
    array_to_string(c.reloptions, ',') AS options
  FROM pg_class AS c
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
    AND starts_with(c.relname, 'configuration_')
)
SELECT 'table' AS kind, '' AS owner, name::text, concat_ws(' ', kind, persistence, secured, options) AS definition FROM tables
UNION ALL
SELECT 'column', t.name, a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
  'collate ' || l.collname, 'identity ' || nullif(a.attidentity::text, ''), 'generated ' || nullif(a.attgenerated::text, ''),
  'default ' || pg_get_expr(d.adbin, d.adrelid))
FROM tables AS t JOIN pg_attribute AS a ON a.attrelid = t.oid
  LEFT JOIN pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = a.attnum
  LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
WHERE a.attnum > 0 AND NOT a.attisdropped AND t.kind <> 'S'
UNION ALL
SELECT 'constraint', t.name, c.conname, concat_ws(' ', pg_get_constraintdef(c.oid, true),
  CASE WHEN NOT c.convalidated THEN 'not valid' END)
FROM tables AS t JOIN pg_constraint AS c ON c.conrelid = t.oid
UNION ALL
SELECT CASE WHEN i.indisunique THEN 'unique index' ELSE 'index' END, t.name, c.relname, concat_ws(' ',
  pg_get_indexdef(c.oid, 0, true), array_to_string(c.reloptions, ','), CASE WHEN NOT i.indisvalid THEN 'invalid' END)
FROM tables AS t JOIN pg_index AS i ON i.indrelid = t.oid JOIN pg_class AS c ON c.oid = i.indexrelid
UNION ALL
SELECT 'trigger', t.name, g.tgname, concat_ws(' ', pg_get_triggerdef(g.oid, true), g.tgenabled)
FROM tables AS t JOIN pg_trigger AS g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal
UNION ALL
SELECT 'rule', t.name, r.rulename, pg_get_ruledef(r.oid, true)
FROM tables AS t JOIN pg_rewrite AS r ON r.ev_class = t.oid
UNION ALL
SELECT 'function', '', p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', concat_ws(' ',
  pg_get_function_result(p.oid), l.lanname, p.prokind, p.provolatile, p.prosecdef, p.proisstrict, p.proconfig::text, md5(p.prosrc))
FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
WHERE p.pronamespace = current_schema()::regnamespace AND starts_with(p.proname, 'configuration_')`;

/** Extra ones of these change what the tables accept or do; an extra index, table or function of other names does not. */
const strictKinds = new Set(['column', 'constraint', 'trigger', 'rule', 'unique index']);

function compare(expected: readonly Fact[], actual: readonly Fact[], exact: boolean): string[] {
  const wanted = new Map(expected.map((fact) => [titleOf(fact), fact]));
  const found = new Map(actual.map((fact) => [titleOf(fact), fact]));
  const owners = new Set(expected.map(({ owner }) => owner));
  const differences = expected.flatMap((fact) => {
    const other = found.get(titleOf(fact));
    if (other === undefined) return [`${titleOf(fact)} is missing`];
    if (other.definition === fact.definition) return [];
    return [`${titleOf(fact)} is "${other.definition}" instead of "${fact.definition}"`];
  });
  const extra = actual.filter(
    (fact) => !wanted.has(titleOf(fact)) && strictKinds.has(fact.kind) && owners.has(fact.owner),
  );
  return exact ? [...differences, ...extra.map((fact) => `${titleOf(fact)} is not of Strata`)] : differences;
}

function titleOf({ kind, owner, name }: Fact): string {
  return owner === '' ? `${kind} ${name}` : `${kind} ${name} of ${owner}`;
}
