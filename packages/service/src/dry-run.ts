/** Owns dry runs: what a write would do, decided as the queue would and written nowhere. */
import type { ImpactReport } from '@strata/core';
import type { Actor } from './actor.ts';
import type { Context } from './context.ts';
import { analyzeIntent, toReport } from './impact-analysis.ts';
import type { Intent } from './intent.ts';

/** What a write of one layer would do. */
export interface DryRun extends ImpactReport {
  readonly dryRun: true;
}

/** Says what a write of one layer would do. @throws ConfigurationError what the write would be refused with, besides approvals. */
export async function dryRun(context: Context, actor: Actor, intent: Intent): Promise<DryRun> {
  return { dryRun: true, ...toReport(await analyzeIntent(context, actor, intent)) };
}
