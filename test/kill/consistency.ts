/** Owns the look at a store that may be damaged: at its tables alone and at its indexes alone, since each can be. */
import type { Database } from '../../packages/service/src/db/database.ts';
import { findViolations } from '../invariants.ts';

const ways = {
  'by the tables': ['enable_indexscan', 'enable_indexonlyscan', 'enable_bitmapscan'],
  'by the indexes': ['enable_seqscan', 'enable_sort'],
};

/** What is wrong in a store, in words; empty when nothing is. */
export async function findInconsistencies(database: Database): Promise<string[]> {
  const found: string[] = [];
  for (const [way, settings] of Object.entries(ways)) {
    const violations = await database.transaction(async (sql) => {
      for (const setting of settings) await sql.query(`SET LOCAL ${setting} = off`);
      return findViolations(sql);
    });
    found.push(...violations.map((violation) => `${way}: ${violation}`));
  }
  return found;
}
