/** Owns what an intent with secrets takes before it is decided on: keys at hand, and a digest on which nobody can try guesses. */
import { canonicalJson } from '@strata/core';
import type { Context } from '../context.ts';
import { digestOf } from '../digest.ts';
import type { Intent } from '../intent.ts';
import { SecretsNeeded, type Vault } from './vault.ts';

/** How often others may use up what was prepared. */
const maxTries = 20;

const mark = 'k';

/** Whether a digest of a request was made with a key. */
export function isKeyed(digest: string): boolean {
  return digest.startsWith(mark);
}

/** A digest of what a digest stands for and something more, keyed where that is. */
export function derivedDigest(digest: string, more: string): string {
  return `${isKeyed(digest) ? mark : ''}${digestOf([digest, more])}`;
}

/** Runs what decides on an intent, again once it has what secrets take if it turns out to hold any. Not inside a transaction. */
export async function withSecrets<T>(
  context: Context,
  intent: Intent,
  run: (intent: Intent) => Promise<T>,
): Promise<T> {
  const { vault, ruleBook } = context;
  const isSecret = intent.changes.some(
    ({ key, value, secrets = [] }) =>
      value !== undefined && (secrets.length > 0 || ruleBook.latest?.byKey.get(key)?.sensitive === true),
  );
  let prepared = isSecret ? await prepare(vault, intent) : intent;
  return again(
    () => run(prepared),
    async () => {
      prepared = await prepare(vault, intent);
    },
  );
}

/** Runs what seals what is keyed already, again once the keys are at hand. Not inside a transaction. */
export function withKeys<T>({ vault }: Context, run: () => Promise<T>): Promise<T> {
  return again(run, () => vault.prepare());
}

async function again<T>(run: () => Promise<T>, provide: () => Promise<void>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof SecretsNeeded) || tries === maxTries) throw error;
      await provide();
    }
  }
}

async function prepare(vault: Vault, intent: Intent): Promise<Intent> {
  await vault.prepare();
  const requestDigest = `${mark}${vault.digest(`request ${canonicalJson(intent.words)}`)}`;
  return { ...intent, commit: { ...intent.commit, requestDigest } };
}
