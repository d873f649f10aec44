/** Owns the stand-in for an application's own authorization service: who belongs to which org, and what he may do there. */

/** What the application knows of a user. */
interface Member {
  readonly organizationId: string;
  readonly permissions: readonly string[];
}

const members: Readonly<Record<string, Member>> = {
  'fleet-manager': {
    organizationId: 'org-123',
    permissions: ['configuration:read', 'configuration:write', 'configuration:rollback'],
  },
  mechanic: { organizationId: 'org-123', permissions: ['configuration:read'] },
  'another-fleet-manager': {
    organizationId: 'org-456',
    permissions: ['configuration:read', 'configuration:write', 'configuration:rollback'],
  },
};

/** Answers as an authorization service over the network would: later. */
export const authService = {
  async checkPermission(
    userId: string,
    permission: string,
    { organizationId }: { readonly resource: string; readonly organizationId: string | undefined },
  ): Promise<boolean> {
    const member = members[userId];
    return member !== undefined && member.organizationId === organizationId && member.permissions.includes(permission);
  },
};
