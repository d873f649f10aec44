-- Permissions: roles that are defined besides the built-in ones, and to whom roles are given at which scopes.
-- Apply with `strata migrate`, or with `psql -v ON_ERROR_STOP=1 -f`; applying it again changes nothing.
BEGIN;
SELECT pg_advisory_xact_lock(7283640519);

-- The roles besides the built-in ones, with the revisions between which they held.
CREATE TABLE IF NOT EXISTS configuration_roles (
  environment text COLLATE "C" NOT NULL,
  name        text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 255 AND name NOT IN ('viewer', 'editor', 'approver', 'admin')),
  permissions text[] COLLATE "C" NOT NULL CHECK (cardinality(permissions) > 0 AND permissions <@ ARRAY['read', 'read-sensitive', 'write',
                'delete', 'propose', 'approve', 'rollback', 'tag', 'flags', 'schema', 'policy', 'scopes', 'tokens', 'audit', 'export',
                'import', 'break-glass']),
  set_by      text COLLATE "C" NOT NULL,
  set_at      timestamptz NOT NULL,
  comment     text,
  valid_from  bigint NOT NULL,
  valid_to    bigint CHECK (valid_to > valid_from),
  PRIMARY KEY (environment, name, valid_from)
);
CREATE UNIQUE INDEX IF NOT EXISTS configuration_roles_current ON configuration_roles (environment, name) WHERE valid_to IS NULL;

-- Who has which role, at a scope and below it and for the keys of a glob, with the revisions between which that held.
CREATE TABLE IF NOT EXISTS configuration_role_bindings (
  environment  text COLLATE "C" NOT NULL,
  id           uuid NOT NULL,
  -- A user, or those of whom the host says that they have a role of that name.
  subject_kind text COLLATE "C" NOT NULL CHECK (subject_kind IN ('user', 'group')),
  subject      text COLLATE "C" NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
  role         text COLLATE "C" NOT NULL CHECK (length(role) BETWEEN 1 AND 255),
  scope        text COLLATE "C" NOT NULL CHECK (scope IN ('global', 'org', 'team', 'user')),
  scope_id     text COLLATE "C" NOT NULL CHECK (length(scope_id) <= 255),
  keys         text COLLATE "C" NOT NULL CHECK (length(keys) BETWEEN 1 AND 255),
  effect       text COLLATE "C" NOT NULL CHECK (effect IN ('allow', 'deny')),
  bound_by     text COLLATE "C" NOT NULL,
  bound_at     timestamptz NOT NULL,
  comment      text,
  valid_from   bigint NOT NULL,
  valid_to     bigint CHECK (valid_to > valid_from),
  PRIMARY KEY (environment, id),
  CHECK ((scope = 'global') = (scope_id = ''))
);
CREATE UNIQUE INDEX IF NOT EXISTS configuration_role_bindings_current
  ON configuration_role_bindings (environment, subject_kind, subject, role, scope, scope_id, keys, effect) WHERE valid_to IS NULL;

INSERT INTO configuration_migrations (name) VALUES ('003_permissions') ON CONFLICT DO NOTHING;
COMMIT;
