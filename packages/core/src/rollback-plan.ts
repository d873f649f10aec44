/** Owns the way back from a change: which version is put back, by which command, and what that takes. */
import { formatAddress, type Address, type ScopeRef } from './scope.ts';

/** What the way back follows from. */
export interface WayBack {
  /** The addresses that change. */
  readonly addresses: readonly Address[];
  /** Where one address changes, its version before; null where it has no value. */
  readonly version: string | null;
  /** How many approvals the way back needs. */
  readonly approvals: number;
  /** The services that have to start again for it. */
  readonly restart: readonly string[];
}

/** The way back in words, with the command that goes it. */
export function rollbackPlan({ addresses, version, approvals, restart }: WayBack): string {
  const [address] = addresses;
  if (address === undefined) return 'Nothing changes, so there is nothing to go back to.';
  const steps =
    addresses.length > 1
      ? [
          `All ${String(addresses.length)} changes are one commit, and go back together: ${revertCommand}`,
          `(in code: revert(commit, userId, reason)).`,
        ]
      : version === null
        ? [
            `${formatAddress(address)} has no value now. To go back, remove the new one: ${deleteCommand(address)}`,
            `(in code: ${deleteCall(address)}).`,
          ]
        : [
            `${formatAddress(address)} is at version ${version} now. To go back: ${rollbackCommand(address, version)}`,
            `(in code: rollback('${address.key}', '${version}', userId, reason)).`,
          ];
  if (approvals > 0) {
    steps.push(
      `That needs ${approvals === 1 ? 'an approval' : `${String(approvals)} approvals`} too; in an emergency --break-glass "<reason>" goes without.`,
    );
  }
  if (restart.length > 0) steps.push(`Then start again: ${restart.join(', ')}.`);
  return steps.join(' ');
}

const revertCommand = 'strata revert <commit> -m "<reason>"';

function rollbackCommand({ key }: Address, version: string): string {
  return `strata rollback ${key} ${version} -m "<reason>"`;
}

function deleteCommand(address: Address): string {
  return `strata delete ${address.key}${scopeOption(address)} -m "<reason>"`;
}

function deleteCall({ key, scope, scopeId }: Address): string {
  const at = scope === 'global' ? `{ scope: 'global' }` : `{ scope: '${scope}', scopeId: ${JSON.stringify(scopeId)} }`;
  return `delete('${key}', ${at}, userId, reason)`;
}

/** A scope as an option of the command line, with the space before it; nothing for global. */
function scopeOption({ scope, scopeId }: ScopeRef): string {
  if (scope === 'global') return '';
  return ` --${scope} ${/^[\w.:@/-]+$/.test(scopeId) ? scopeId : `'${scopeId.replaceAll("'", `'\\''`)}'`}`;
}
