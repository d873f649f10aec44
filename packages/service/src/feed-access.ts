/** Owns which changes of the feed an actor is told of: each is asked about when it is told. */
import { sameScope, type ConfigChange, type FeedCommit, type ScopeRef, type ScopeRequest } from '@strata/core';
import { answerAlong, answerOn, notPermitted, type Place } from './access.ts';
import type { Actor } from './actor.ts';
import { isFault, type Answer } from './authorize.ts';
import { toEvent } from './change-view.ts';
import type { Context } from './context.ts';
import type { FeedRecord } from './store/feed.ts';
import { filterPermitted } from './visibility.ts';

/** The part of an event that an actor may read: the event itself where that is all of it, undefined where it is nothing. */
export async function readableEvent(
  context: Context,
  actor: Actor,
  record: FeedRecord,
  event: FeedCommit,
): Promise<FeedCommit | undefined> {
  const toPlace = ({ key, scope, scopeId }: ConfigChange): Place => ({ key, scope, scopeId: scopeId ?? '' });
  const readable = await filterPermitted(context, actor, 'read', event.changes, toPlace);
  return readable.length === event.changes.length ? event : toEvent(record, readable);
}

/**
 * Changes of effective values as an actor may know them: he has to be permitted along the chain that the scope has now and the one that
 * the change left it with. Where he was not along the one before, there was no value for him.
 */
export async function readableEffective(
  context: Context,
  actor: Actor,
  request: ScopeRequest,
  changes: readonly ConfigChange[],
  before: readonly ScopeRef[],
  after: readonly ScopeRef[],
): Promise<readonly ConfigChange[]> {
  const { access } = context;
  if (access.isOpen || changes.length === 0) return changes;
  const isAllowed = async (asked: Promise<Answer>): Promise<boolean> => {
    const answer = await asked;
    if (answer !== true && isFault(answer)) context.report(notPermitted(actor, 'read', request, answer));
    return answer === true;
  };
  const isMoved = before.length !== after.length || before.some((scope) => !after.some((one) => sameScope(one, scope)));
  const readable: ConfigChange[] = [];
  for (const change of changes) {
    const { key } = change;
    if (!(await isAllowed(answerOn(context, actor, 'read', { ...request, key }, 'one')))) continue;
    if (!(await isAllowed(answerAlong(context, actor, key, after)))) continue;
    const knewBefore = !isMoved || (await isAllowed(answerAlong(context, actor, key, before)));
    if (knewBefore) readable.push(change);
    else if (change.newValue !== null) readable.push(Object.freeze({ ...change, oldValue: null }));
  }
  return readable;
}
