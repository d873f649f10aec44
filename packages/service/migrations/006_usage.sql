-- Usage counters by day: what tells for how long nobody has read a key, and by which services it is read.
-- Apply with `strata migrate`, or with `psql -v ON_ERROR_STOP=1 -f`; applying it again changes nothing.
BEGIN;
SELECT pg_advisory_xact_lock(7283640519);

-- How often each service read a key on a day in UTC. Rows of the last 400 days, and only of keys that have a definition or a version.
CREATE TABLE IF NOT EXISTS configuration_usage_days (
  environment text COLLATE "C" NOT NULL,
  -- Empty for the row that says that a service counted on that day; its reads are those of keys that were too many to be told one by one.
  key         text COLLATE "C" NOT NULL,
  day         date NOT NULL,
  -- Empty for readers that have no name.
  service     text COLLATE "C" NOT NULL,
  reads       bigint NOT NULL CHECK (reads >= 0),
  first_at    timestamptz NOT NULL,
  last_at     timestamptz NOT NULL,
  PRIMARY KEY (environment, key, day, service),
  CHECK (first_at <= last_at)
);
CREATE INDEX IF NOT EXISTS configuration_usage_days_day ON configuration_usage_days (environment, day);

INSERT INTO configuration_migrations (name) VALUES ('006_usage') ON CONFLICT DO NOTHING;
COMMIT;
