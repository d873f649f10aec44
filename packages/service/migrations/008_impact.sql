-- Impact: what is said of a key besides its schema, which key depends on which, and what requests were shown to do.
-- Apply with `strata migrate`, or with `psql -v ON_ERROR_STOP=1 -f`; applying it again changes nothing.
BEGIN;
SELECT pg_advisory_xact_lock(7283640519);

-- Only where they are other ones: they are read through the whole table, and nobody may find them gone meanwhile.
DO $function$
DECLARE
  named record;
BEGIN
  FOR named IN VALUES ('configuration_commits'), ('configuration_change_requests') LOOP
    CONTINUE WHEN EXISTS (
      SELECT FROM pg_constraint WHERE conrelid = named.column1::regclass
        AND conname = named.column1 || '_operation_check' AND pg_get_constraintdef(oid) LIKE '%dependency%'
    );
    EXECUTE format('ALTER TABLE %1$I DROP CONSTRAINT IF EXISTS %2$I, ADD CONSTRAINT %2$I CHECK (operation IN
      (''change'', ''scope'', ''scope-removal'', ''schema'', ''lock'', ''unlock'', ''tag'', ''policy'', ''role'', ''binding'',
        ''definition'', ''dependency''))', named.column1, named.column1 || '_operation_check');
  END LOOP;
END
$function$;

-- What a change that is asked for was seen to do when it was asked for or last edited.
ALTER TABLE configuration_change_requests ADD COLUMN IF NOT EXISTS impact json;

-- What is said of a key besides its schema, with the revisions between which it held.
CREATE TABLE IF NOT EXISTS configuration_key_definitions (
  environment text COLLATE "C" NOT NULL,
  key         text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  definition  json NOT NULL,
  defined_by  text COLLATE "C" NOT NULL,
  defined_at  timestamptz NOT NULL,
  comment     text,
  valid_from  bigint NOT NULL,
  valid_to    bigint CHECK (valid_to > valid_from),
  PRIMARY KEY (environment, key, valid_from)
);
CREATE UNIQUE INDEX IF NOT EXISTS configuration_key_definitions_current
  ON configuration_key_definitions (environment, key) WHERE valid_to IS NULL;

-- Which key depends on which, with the revisions between which it did.
CREATE TABLE IF NOT EXISTS configuration_dependencies (
  environment text COLLATE "C" NOT NULL,
  key         text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  depends_on  text COLLATE "C" NOT NULL CHECK (length(depends_on) BETWEEN 1 AND 255 AND depends_on <> key),
  added_by    text COLLATE "C" NOT NULL,
  added_at    timestamptz NOT NULL,
  comment     text,
  valid_from  bigint NOT NULL,
  valid_to    bigint CHECK (valid_to > valid_from),
  PRIMARY KEY (environment, key, depends_on, valid_from)
);
CREATE UNIQUE INDEX IF NOT EXISTS configuration_dependencies_current
  ON configuration_dependencies (environment, key, depends_on) WHERE valid_to IS NULL;

INSERT INTO configuration_migrations (name) VALUES ('008_impact') ON CONFLICT DO NOTHING;
COMMIT;
