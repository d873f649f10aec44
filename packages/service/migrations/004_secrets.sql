-- Secrets: the data keys that encrypt values, each wrapped by a key that the database never sees, and the audit of who read which secret.
-- Apply with `strata migrate`, or with `psql -v ON_ERROR_STOP=1 -f`; applying it again changes nothing.
BEGIN;
SELECT pg_advisory_xact_lock(7283640519);

-- What values are encrypted with. A row is never removed: it is needed for as long as anything that was encrypted with it.
CREATE TABLE IF NOT EXISTS configuration_data_keys (
  id         text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[0-9a-f]{16}$'),
  -- What it is for: a key for one purpose opens nothing of another.
  purpose    text COLLATE "C" NOT NULL CHECK (purpose ~ '^[a-z][a-z-]{0,62}$'),
  -- The data key as the key `kek_id` wrapped it; also the proof that whoever unwraps it has the right one.
  wrapped    text COLLATE "C" NOT NULL,
  kek_id     text COLLATE "C" NOT NULL CHECK (length(kek_id) BETWEEN 1 AND 255),
  -- How many encryptions processes have reserved with it.
  uses       bigint NOT NULL DEFAULT 0 CHECK (uses >= 0),
  -- Whether new values are encrypted with it.
  is_current boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  wrapped_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS configuration_data_keys_current ON configuration_data_keys (purpose) WHERE is_current;
CREATE INDEX IF NOT EXISTS configuration_data_keys_kek ON configuration_data_keys (kek_id);

-- Repeated reads of a secret by one actor within a minute share a row.
CREATE UNIQUE INDEX IF NOT EXISTS configuration_audit_log_reveals ON configuration_audit_log
  (environment, user_id, config_key, scope, scope_id, date_trunc('minute', created_at AT TIME ZONE 'UTC')) WHERE operation = 'reveal' AND success;

INSERT INTO configuration_migrations (name) VALUES ('004_secrets') ON CONFLICT DO NOTHING;
COMMIT;
