-- Approvals: who has to agree to which changes, and the changes that wait for it.
-- Apply with `strata migrate`, or with `psql -v ON_ERROR_STOP=1 -f`; applying it again changes nothing.
BEGIN;
SELECT pg_advisory_xact_lock(7283640519);

-- Only where it is another one: it is read through the whole table, and nobody may find it gone meanwhile.
DO $function$
BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_constraint WHERE conrelid = 'configuration_commits'::regclass
      AND conname = 'configuration_commits_operation_check' AND pg_get_constraintdef(oid) LIKE '%binding%'
  ) THEN
    ALTER TABLE configuration_commits DROP CONSTRAINT IF EXISTS configuration_commits_operation_check;
    ALTER TABLE configuration_commits ADD CONSTRAINT configuration_commits_operation_check CHECK (operation IN
      ('change', 'scope', 'scope-removal', 'schema', 'lock', 'unlock', 'tag', 'policy', 'role', 'binding'));
  END IF;
END
$function$;

-- Approval policies, with the revisions between which they held.
CREATE TABLE IF NOT EXISTS configuration_policies (
  environment text COLLATE "C" NOT NULL,
  name        text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
  policy      json NOT NULL,
  set_by      text COLLATE "C" NOT NULL,
  set_at      timestamptz NOT NULL,
  comment     text,
  valid_from  bigint NOT NULL,
  valid_to    bigint CHECK (valid_to > valid_from),
  PRIMARY KEY (environment, name, valid_from)
);
CREATE UNIQUE INDEX IF NOT EXISTS configuration_policies_current ON configuration_policies (environment, name) WHERE valid_to IS NULL;

-- Proposed commits. The row of a request is the one place where its state is; whoever changes it locks it first.
CREATE TABLE IF NOT EXISTS configuration_change_requests (
  id                text COLLATE "C" PRIMARY KEY CHECK (id ~ '^req-[a-z2-7]{12}$'),
  environment       text COLLATE "C" NOT NULL,
  status            text COLLATE "C" NOT NULL CHECK (status IN
                    ('pending', 'scheduled', 'suspended', 'conflicted', 'applied', 'rejected', 'withdrawn', 'expired')),
  -- Counts the edits, from 1: an approval is of one edition.
  edition           int NOT NULL DEFAULT 1 CHECK (edition > 0),
  operation         text COLLATE "C" NOT NULL CHECK (operation IN
                    ('change', 'scope', 'scope-removal', 'schema', 'lock', 'unlock', 'tag', 'policy', 'role', 'binding')),
  key               text COLLATE "C" NOT NULL,
  scope             text COLLATE "C" NOT NULL CHECK (scope IN ('global', 'org', 'team', 'user')),
  scope_id          text COLLATE "C" NOT NULL,
  -- The changes of values with what they were based on, or what an operation other than 'change' was called with.
  changes           json NOT NULL,
  arguments         json,
  -- What an approval is bound to besides: policies, schemas, chains of scopes.
  binding           json NOT NULL,
  impact_level      text COLLATE "C" NOT NULL CHECK (impact_level IN ('none', 'low', 'medium', 'high', 'critical')),
  minimum_approvals int NOT NULL CHECK (minimum_approvals BETWEEN 0 AND 20),
  policies          json NOT NULL,
  is_forced         boolean NOT NULL DEFAULT false,
  requested_by      text COLLATE "C" NOT NULL CHECK (length(requested_by) BETWEEN 1 AND 255),
  requested_at      timestamptz NOT NULL,
  editors           text[] COLLATE "C" NOT NULL DEFAULT '{}',
  justification     text,
  -- Of the call that made it, so that a repeated one is known.
  call              uuid NOT NULL UNIQUE,
  idempotency_key   text COLLATE "C",
  request_digest    text COLLATE "C" NOT NULL,
  apply_at          timestamptz,
  expires_at        timestamptz NOT NULL,
  reason            text,
  closed_by         text COLLATE "C",
  closed_at         timestamptz,
  commit_id         uuid UNIQUE REFERENCES configuration_commits (id),
  UNIQUE (environment, idempotency_key),
  CHECK ((scope = 'global') = (scope_id = '')),
  CHECK ((status = 'applied') = (commit_id IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS configuration_change_requests_open ON configuration_change_requests (environment, requested_at, id)
  WHERE status IN ('pending', 'scheduled', 'suspended', 'conflicted');
CREATE INDEX IF NOT EXISTS configuration_change_requests_time ON configuration_change_requests (environment, requested_at, id);
CREATE INDEX IF NOT EXISTS configuration_change_requests_author ON configuration_change_requests (environment, requested_by, request_digest)
  WHERE status = 'pending';

CREATE TABLE IF NOT EXISTS configuration_change_approvals (
  request_id     text COLLATE "C" NOT NULL REFERENCES configuration_change_requests (id),
  edition        int NOT NULL,
  approver       text COLLATE "C" NOT NULL CHECK (length(approver) BETWEEN 1 AND 255),
  approver_roles text[] COLLATE "C" NOT NULL,
  comment        text,
  approved_at    timestamptz NOT NULL,
  call           uuid NOT NULL UNIQUE,
  PRIMARY KEY (request_id, edition, approver)
);
CREATE OR REPLACE TRIGGER configuration_change_approvals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
  ON configuration_change_approvals FOR EACH STATEMENT EXECUTE FUNCTION configuration_refuse_rewrite();

CREATE TABLE IF NOT EXISTS configuration_change_comments (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  request_id text COLLATE "C" NOT NULL REFERENCES configuration_change_requests (id),
  author     text COLLATE "C" NOT NULL CHECK (length(author) BETWEEN 1 AND 255),
  comment    text NOT NULL,
  created_at timestamptz NOT NULL,
  call       uuid NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS configuration_change_comments_request ON configuration_change_comments (request_id, id);

INSERT INTO configuration_migrations (name) VALUES ('002_approvals') ON CONFLICT DO NOTHING;
COMMIT;
