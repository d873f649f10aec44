-- The foundation: commits, versions, settings, scopes, schemas, locks, tags, the audit log and the one write step.
-- Apply with `strata migrate`, or with `psql -v ON_ERROR_STOP=1 -f`; applying it again changes nothing.
BEGIN;
SELECT pg_advisory_xact_lock(7283640519);

-- The ledger of applied migrations. The checksum of a file that psql applied is filled in by the runner.
CREATE TABLE IF NOT EXISTS configuration_migrations (
  name       text COLLATE "C" PRIMARY KEY,
  checksum   text COLLATE "C",
  breaking   boolean NOT NULL DEFAULT false,
  applied_at timestamptz NOT NULL DEFAULT now()
);

-- One row, locked by every write step: it orders all commits and says how far the decisions of a writer may rely on what it read.
CREATE TABLE IF NOT EXISTS configuration_counter (
  one               boolean PRIMARY KEY DEFAULT true CHECK (one),
  -- The revision of the last commit: 1, 2, 3 … without gaps.
  revision          bigint NOT NULL DEFAULT 0 CHECK (revision >= 0),
  -- The last commit that changed what writers decide on: scopes, schemas, locks.
  decision_revision bigint NOT NULL DEFAULT 0 CHECK (decision_revision BETWEEN 0 AND revision),
  -- The last commit that changed a schema or a lock.
  rules_revision    bigint NOT NULL DEFAULT 0 CHECK (rules_revision BETWEEN 0 AND decision_revision),
  committed_at      timestamptz NOT NULL DEFAULT 'epoch'
) WITH (fillfactor = 10);
INSERT INTO configuration_counter DEFAULT VALUES ON CONFLICT DO NOTHING;

-- One atomic change by one actor with one comment.
CREATE TABLE IF NOT EXISTS configuration_commits (
  id              uuid PRIMARY KEY,
  revision        bigint NOT NULL UNIQUE CHECK (revision > 0),
  environment     text COLLATE "C" NOT NULL CHECK (length(environment) BETWEEN 1 AND 255),
  operation       text COLLATE "C" NOT NULL
                  CHECK (operation IN ('change', 'scope', 'scope-removal', 'schema', 'lock', 'unlock', 'tag')),
  -- What a commit other than 'change' is about.
  key             text COLLATE "C",
  scope           text COLLATE "C",
  scope_id        text COLLATE "C",
  actor           text COLLATE "C" NOT NULL CHECK (length(actor) BETWEEN 1 AND 255),
  comment         text,
  idempotency_key text COLLATE "C" NOT NULL,
  request_digest  text COLLATE "C" NOT NULL,
  committed_at    timestamptz NOT NULL,
  UNIQUE (environment, idempotency_key)
);
CREATE INDEX IF NOT EXISTS configuration_commits_time ON configuration_commits (committed_at, revision);

-- One address changed by one commit. Rows are never rewritten.
CREATE TABLE IF NOT EXISTS configuration_versions (
  hash          text COLLATE "C" PRIMARY KEY CHECK (length(hash) = 64 AND hash !~ '[^0-9a-f]'),
  commit_id     uuid NOT NULL REFERENCES configuration_commits (id),
  revision      bigint NOT NULL CHECK (revision > 0),
  environment   text COLLATE "C" NOT NULL,
  key           text COLLATE "C" NOT NULL CHECK (length(key) <= 255 AND key ~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]*$'),
  scope         text COLLATE "C" NOT NULL CHECK (scope IN ('global', 'org', 'team', 'user')),
  scope_id      text COLLATE "C" NOT NULL CHECK (length(scope_id) <= 255),
  parent        text COLLATE "C" REFERENCES configuration_versions (hash),
  operation     text COLLATE "C" NOT NULL CHECK (operation IN ('set', 'delete', 'rollback')),
  value         json,
  rollback_from text COLLATE "C" REFERENCES configuration_versions (hash),
  impact_level  text COLLATE "C" NOT NULL CHECK (impact_level IN ('none', 'low', 'medium', 'high', 'critical')),
  expires_at    timestamptz,
  CHECK ((scope = 'global') = (scope_id = '')),
  CHECK ((operation = 'delete') = (value IS NULL)),
  CHECK (operation <> 'rollback' OR rollback_from IS NOT NULL),
  CHECK (expires_at IS NULL OR value IS NOT NULL),
  UNIQUE (environment, key, scope, scope_id, revision)
);
CREATE INDEX IF NOT EXISTS configuration_versions_key_revision ON configuration_versions (environment, key, revision);
CREATE INDEX IF NOT EXISTS configuration_versions_revision ON configuration_versions (revision);

-- The current version of each address; a deleted layer keeps its row, without a value.
CREATE TABLE IF NOT EXISTS configuration_settings (
  environment text COLLATE "C" NOT NULL,
  key         text COLLATE "C" NOT NULL,
  scope       text COLLATE "C" NOT NULL CHECK (scope IN ('global', 'org', 'team', 'user')),
  scope_id    text COLLATE "C" NOT NULL,
  version     text COLLATE "C" NOT NULL REFERENCES configuration_versions (hash),
  revision    bigint NOT NULL,
  value       json,
  expires_at  timestamptz,
  PRIMARY KEY (environment, key, scope, scope_id),
  CHECK ((scope = 'global') = (scope_id = '')),
  CHECK (expires_at IS NULL OR value IS NOT NULL)
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS configuration_settings_scope ON configuration_settings (environment, scope, scope_id, key);
CREATE INDEX IF NOT EXISTS configuration_settings_expiry ON configuration_settings (expires_at) WHERE expires_at IS NOT NULL;

-- The scope registry. A removed scope keeps its row, since links of the past name it.
CREATE TABLE IF NOT EXISTS configuration_scopes (
  environment      text COLLATE "C" NOT NULL,
  scope            text COLLATE "C" NOT NULL CHECK (scope IN ('org', 'team', 'user')),
  scope_id         text COLLATE "C" NOT NULL CHECK (length(scope_id) BETWEEN 1 AND 255),
  name             text,
  revision         bigint NOT NULL,
  removed_revision bigint,
  PRIMARY KEY (environment, scope, scope_id)
);

-- Which scope inherits from which, with the revisions between which it did.
CREATE TABLE IF NOT EXISTS configuration_scope_parents (
  environment  text COLLATE "C" NOT NULL,
  scope        text COLLATE "C" NOT NULL,
  scope_id     text COLLATE "C" NOT NULL,
  parent_scope text COLLATE "C" NOT NULL,
  parent_id    text COLLATE "C" NOT NULL,
  is_primary   boolean NOT NULL,
  position     int NOT NULL,
  valid_from   bigint NOT NULL,
  valid_to     bigint CHECK (valid_to > valid_from),
  PRIMARY KEY (environment, scope, scope_id, parent_scope, parent_id, valid_from),
  FOREIGN KEY (environment, scope, scope_id) REFERENCES configuration_scopes,
  FOREIGN KEY (environment, parent_scope, parent_id) REFERENCES configuration_scopes,
  CHECK ((scope, parent_scope) IN (('team', 'org'), ('user', 'team'), ('user', 'org')))
);
CREATE UNIQUE INDEX IF NOT EXISTS configuration_scope_parents_current
  ON configuration_scope_parents (environment, scope, scope_id, position) WHERE valid_to IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS configuration_scope_parents_primary
  ON configuration_scope_parents (environment, scope, scope_id) WHERE valid_to IS NULL AND is_primary;
CREATE INDEX IF NOT EXISTS configuration_scope_parents_children
  ON configuration_scope_parents (environment, parent_scope, parent_id) WHERE valid_to IS NULL;

-- The definitions of keys, with the revisions between which they held.
CREATE TABLE IF NOT EXISTS configuration_schemas (
  environment text COLLATE "C" NOT NULL,
  key         text COLLATE "C" NOT NULL,
  definition  json NOT NULL,
  digest      text COLLATE "C" NOT NULL,
  created_by  text COLLATE "C" NOT NULL,
  valid_from  bigint NOT NULL,
  valid_to    bigint CHECK (valid_to > valid_from),
  PRIMARY KEY (environment, key, valid_from)
);
CREATE UNIQUE INDEX IF NOT EXISTS configuration_schemas_current
  ON configuration_schemas (environment, key) WHERE valid_to IS NULL;

-- What a scope forbids the scopes below it to change, with the revisions between which it did.
CREATE TABLE IF NOT EXISTS configuration_locks (
  environment text COLLATE "C" NOT NULL,
  key         text COLLATE "C" NOT NULL,
  scope       text COLLATE "C" NOT NULL CHECK (scope IN ('global', 'org', 'team')),
  scope_id    text COLLATE "C" NOT NULL,
  path        text COLLATE "C" NOT NULL,
  version     text COLLATE "C" REFERENCES configuration_versions (hash),
  locked_by   text COLLATE "C" NOT NULL,
  locked_at   timestamptz NOT NULL,
  comment     text,
  valid_from  bigint NOT NULL,
  valid_to    bigint CHECK (valid_to > valid_from),
  PRIMARY KEY (environment, key, scope, scope_id, path, valid_from),
  CHECK ((scope = 'global') = (scope_id = ''))
);
CREATE UNIQUE INDEX IF NOT EXISTS configuration_locks_current
  ON configuration_locks (environment, key, scope, scope_id, path) WHERE valid_to IS NULL;

-- Names of versions. A name marks at most one version of an address, and never moves.
CREATE TABLE IF NOT EXISTS configuration_tags (
  environment text COLLATE "C" NOT NULL,
  tag         text COLLATE "C" NOT NULL CHECK (tag ~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,254}$' AND tag !~ '^[0-9a-fA-F]{1,64}$'),
  key         text COLLATE "C" NOT NULL,
  scope       text COLLATE "C" NOT NULL,
  scope_id    text COLLATE "C" NOT NULL,
  version     text COLLATE "C" NOT NULL REFERENCES configuration_versions (hash),
  description text,
  created_by  text COLLATE "C" NOT NULL,
  created_at  timestamptz NOT NULL,
  revision    bigint NOT NULL,
  PRIMARY KEY (environment, tag, key, scope, scope_id)
);
CREATE INDEX IF NOT EXISTS configuration_tags_version ON configuration_tags (version);

-- Who did what, when: a row for every write, in the step of that write.
CREATE TABLE IF NOT EXISTS configuration_audit_log (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  environment text COLLATE "C" NOT NULL,
  revision    bigint,
  operation   text COLLATE "C" NOT NULL,
  config_key  text COLLATE "C",
  scope       text COLLATE "C",
  scope_id    text COLLATE "C",
  user_id     text COLLATE "C" NOT NULL,
  success     boolean NOT NULL,
  metadata    jsonb NOT NULL DEFAULT '{}',
  ip          text,
  user_agent  text,
  request_id  text,
  created_at  timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS configuration_audit_log_key ON configuration_audit_log (config_key, created_at);
CREATE INDEX IF NOT EXISTS configuration_audit_log_user ON configuration_audit_log (user_id, created_at);

-- Which store this is, and the secret by which its processes know what they put into a cache that they share. A copy keeps both.
CREATE TABLE IF NOT EXISTS configuration_store (
  one          boolean PRIMARY KEY DEFAULT true CHECK (one),
  id           uuid NOT NULL DEFAULT gen_random_uuid(),
  cache_secret text COLLATE "C" NOT NULL DEFAULT replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')
               CHECK (length(cache_secret) = 64 AND cache_secret !~ '[^0-9a-f]')
);
INSERT INTO configuration_store DEFAULT VALUES ON CONFLICT DO NOTHING;

-- How often each service read a key at a scope within a minute. Rows of the last day.
CREATE TABLE IF NOT EXISTS configuration_usage (
  environment text COLLATE "C" NOT NULL,
  minute      timestamptz NOT NULL,
  service     text COLLATE "C" NOT NULL,
  key         text COLLATE "C" NOT NULL,
  -- Empty for what was read at further scopes, taken together.
  scope       text COLLATE "C" NOT NULL CHECK (scope IN ('', 'global', 'org', 'team', 'user')),
  scope_id    text COLLATE "C" NOT NULL,
  reads       bigint NOT NULL CHECK (reads > 0),
  PRIMARY KEY (environment, minute, service, key, scope, scope_id)
);

CREATE OR REPLACE FUNCTION configuration_refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$function$;
CREATE OR REPLACE TRIGGER configuration_commits_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
  ON configuration_commits FOR EACH STATEMENT EXECUTE FUNCTION configuration_refuse_rewrite();
CREATE OR REPLACE TRIGGER configuration_versions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
  ON configuration_versions FOR EACH STATEMENT EXECUTE FUNCTION configuration_refuse_rewrite();
CREATE OR REPLACE TRIGGER configuration_audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
  ON configuration_audit_log FOR EACH STATEMENT EXECUTE FUNCTION configuration_refuse_rewrite();

-- The one write step. Its first statement waits for the counter, so that every later one sees all that was committed before; any
-- difference from what the writers decided on raises 40001 and rolls all back, the counter included. A writer that waits longer than its
-- caller does gives up, so that nothing is stored after the caller was told that it failed.
--   in_rules, in_decision  the counter's, as the writers saw it; in_decision is null where none of them relied on which scope inherits from which
--   c_…  commits; those that are not a 'change' name what they are about in c_key, c_scope, c_scope_id
--   v_…  versions, in order; v_commit is the number of their commit, v_follows that of the version of the same address before them in this
--        step (null where there is none: then its parent must be the stored head), v_is_head says whether none comes after them
--   d_…  the other heads that decisions relied on, absent ones too (d_version null)
--   w_…  keys of which no version may be newer than w_revision
CREATE OR REPLACE FUNCTION configuration_write(
  in_environment text, in_rules bigint, in_decision bigint, in_moves_rules boolean, in_moves_decisions boolean,
  c_id uuid[], c_operation text[], c_key text[], c_scope text[], c_scope_id text[], c_actor text[], c_comment text[],
  c_idempotency_key text[], c_request_digest text[], c_metadata text[], c_ip text[], c_user_agent text[], c_request_id text[],
  v_commit int[], v_hash text[], v_key text[], v_scope text[], v_scope_id text[], v_parent text[], v_operation text[],
  v_value text[], v_rollback_from text[], v_impact_level text[], v_expires_at timestamptz[], v_follows int[], v_is_head boolean[],
  d_key text[], d_scope text[], d_scope_id text[], d_version text[],
  w_key text[], w_revision bigint[]
) RETURNS TABLE (base_revision bigint, committed_at timestamptz) LANGUAGE plpgsql
-- Left to itself the planner plans the look-ups of a short list anew in each call, which takes longer than they do.
SET lock_timeout = '1500ms' SET plan_cache_mode = force_generic_plan AS $function$
#variable_conflict use_column
DECLARE
  base bigint;
  now_at timestamptz;
  moved text;
BEGIN
  UPDATE configuration_counter AS c SET
    revision = c.revision + cardinality(c_id),
    decision_revision = CASE WHEN in_moves_decisions THEN c.revision + cardinality(c_id) ELSE c.decision_revision END,
    rules_revision = CASE WHEN in_moves_rules THEN c.revision + cardinality(c_id) ELSE c.rules_revision END,
    committed_at = greatest(date_trunc('milliseconds', clock_timestamp()), c.committed_at)
  WHERE c.rules_revision = in_rules AND (in_decision IS NULL OR c.decision_revision = in_decision)
  RETURNING c.revision - cardinality(c_id), c.committed_at INTO base, now_at;
  IF base IS NULL THEN
    RAISE EXCEPTION 'decision moved' USING ERRCODE = 'serialization_failure';
  END IF;

  -- Correlated look-ups, here and below: a join that was planned while the tables were small would go on reading them whole.
  SELECT string_agg(v.number::text, ',') INTO moved
  FROM unnest(v_key, v_scope, v_scope_id, v_parent, v_follows) WITH ORDINALITY AS v (key, scope, scope_id, parent, follows, number)
  WHERE v.parent IS DISTINCT FROM CASE WHEN v.follows IS NOT NULL THEN v_hash[v.follows] ELSE (
    SELECT s.version FROM configuration_settings AS s
    WHERE s.environment = in_environment AND s.key = v.key AND s.scope = v.scope AND s.scope_id = v.scope_id
  ) END;
  IF moved IS NOT NULL THEN
    -- The detail tells which writers of the step have to be counted as losers.
    RAISE EXCEPTION 'head moved' USING ERRCODE = 'serialization_failure', DETAIL = 'versions ' || moved;
  END IF;

  IF cardinality(d_key) > 0 THEN
    SELECT string_agg(d.number::text, ',') INTO moved
    FROM unnest(d_key, d_scope, d_scope_id, d_version) WITH ORDINALITY AS d (key, scope, scope_id, version, number)
    WHERE (
      SELECT s.version FROM configuration_settings AS s
      WHERE s.environment = in_environment AND s.key = d.key AND s.scope = d.scope AND s.scope_id = d.scope_id
    ) IS DISTINCT FROM d.version;
    IF moved IS NOT NULL THEN
      RAISE EXCEPTION 'head moved' USING ERRCODE = 'serialization_failure', DETAIL = 'heads ' || moved;
    END IF;
  END IF;

  -- In an IF of its own: a condition that holds a query is run as one.
  IF cardinality(w_key) > 0 THEN
    IF EXISTS (
      SELECT FROM unnest(w_key, w_revision) AS w (key, revision)
      WHERE w.revision < (
        SELECT v.revision FROM configuration_versions AS v
        WHERE v.environment = in_environment AND v.key = w.key ORDER BY v.revision DESC LIMIT 1
      )
    ) THEN
      RAISE EXCEPTION 'key moved' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;

  INSERT INTO configuration_commits (id, revision, environment, operation, key, scope, scope_id, actor, comment, idempotency_key,
    request_digest, committed_at)
  SELECT c.id, base + c.number, in_environment, c.operation, c.key, c.scope, c.scope_id, c.actor, c.comment, c.idempotency_key,
    c.request_digest, now_at
  FROM unnest(c_id, c_operation, c_key, c_scope, c_scope_id, c_actor, c_comment, c_idempotency_key, c_request_digest)
    WITH ORDINALITY AS c (id, operation, key, scope, scope_id, actor, comment, idempotency_key, request_digest, number);

  INSERT INTO configuration_versions (hash, commit_id, revision, environment, key, scope, scope_id, parent, operation, value,
    rollback_from, impact_level, expires_at)
  SELECT v.hash, c_id[v.commit], base + v.commit, in_environment, v.key, v.scope, v.scope_id, v.parent, v.operation, v.value::json,
    v.rollback_from, v.impact_level, v.expires_at
  FROM unnest(v_commit, v_hash, v_key, v_scope, v_scope_id, v_parent, v_operation, v_value, v_rollback_from, v_impact_level,
    v_expires_at) AS v (commit, hash, key, scope, scope_id, parent, operation, value, rollback_from, impact_level, expires_at);

  INSERT INTO configuration_audit_log (environment, revision, operation, config_key, scope, scope_id, user_id, success, metadata,
    ip, user_agent, request_id, created_at)
  SELECT in_environment, base + v.commit, CASE WHEN v.rollback_from IS NULL THEN v.operation ELSE 'rollback' END, v.key, v.scope,
    v.scope_id, c_actor[v.commit], true,
    jsonb_build_object('version', left(v.hash, 16), 'parent', left(v.parent, 16), 'commit', c_id[v.commit],
      'comment', c_comment[v.commit]) || c_metadata[v.commit]::jsonb,
    c_ip[v.commit], c_user_agent[v.commit], c_request_id[v.commit], now_at
  FROM unnest(v_commit, v_hash, v_key, v_scope, v_scope_id, v_parent, v_operation, v_rollback_from)
    AS v (commit, hash, key, scope, scope_id, parent, operation, rollback_from);
  IF NOT 'change' = ALL (c_operation) THEN
    INSERT INTO configuration_audit_log (environment, revision, operation, config_key, scope, scope_id, user_id, success, metadata,
      ip, user_agent, request_id, created_at)
    SELECT in_environment, base + c.number, c.operation, c.key, c.scope, c.scope_id, c.actor, true,
      jsonb_build_object('commit', c.id, 'comment', c.comment) || c.metadata::jsonb, c.ip, c.user_agent, c.request_id, now_at
    FROM unnest(c_id, c_operation, c_key, c_scope, c_scope_id, c_actor, c_comment, c_metadata, c_ip, c_user_agent, c_request_id)
      WITH ORDINALITY AS c (id, operation, key, scope, scope_id, actor, comment, metadata, ip, user_agent, request_id, number)
    WHERE c.operation <> 'change';
  END IF;

  INSERT INTO configuration_settings AS s (environment, key, scope, scope_id, version, revision, value, expires_at)
  SELECT in_environment, v.key, v.scope, v.scope_id, v.hash, base + v.commit, v.value::json, v.expires_at
  FROM unnest(v_commit, v_hash, v_key, v_scope, v_scope_id, v_value, v_expires_at, v_is_head)
    AS v (commit, hash, key, scope, scope_id, value, expires_at, is_head)
  WHERE v.is_head
  ON CONFLICT (environment, key, scope, scope_id) DO UPDATE
    SET version = excluded.version, revision = excluded.revision, value = excluded.value, expires_at = excluded.expires_at;

  base_revision := base;
  committed_at := now_at;
  RETURN NEXT;
END
$function$;

INSERT INTO configuration_migrations (name) VALUES ('001_configuration_management') ON CONFLICT DO NOTHING;
COMMIT;
