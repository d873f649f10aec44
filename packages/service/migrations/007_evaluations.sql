-- Evaluations of feature flags: which variant they served how often, by minute and by day.
-- Apply with `strata migrate`, or with `psql -v ON_ERROR_STOP=1 -f`; applying it again changes nothing.
BEGIN;
SELECT pg_advisory_xact_lock(7283640519);

-- How often a flag served a variant to a service within a minute. Rows of the last day.
CREATE TABLE IF NOT EXISTS configuration_evaluations (
  environment text COLLATE "C" NOT NULL,
  minute      timestamptz NOT NULL,
  flag        text COLLATE "C" NOT NULL CHECK (length(flag) BETWEEN 1 AND 255),
  variant     text COLLATE "C" NOT NULL,
  service     text COLLATE "C" NOT NULL,
  evaluations bigint NOT NULL CHECK (evaluations > 0),
  PRIMARY KEY (environment, minute, flag, variant, service)
);

-- The same on a day in UTC. Rows of the last 400 days.
CREATE TABLE IF NOT EXISTS configuration_evaluation_days (
  environment text COLLATE "C" NOT NULL,
  flag        text COLLATE "C" NOT NULL CHECK (length(flag) BETWEEN 1 AND 255),
  day         date NOT NULL,
  variant     text COLLATE "C" NOT NULL,
  service     text COLLATE "C" NOT NULL,
  evaluations bigint NOT NULL CHECK (evaluations > 0),
  first_at    timestamptz NOT NULL,
  last_at     timestamptz NOT NULL,
  PRIMARY KEY (environment, flag, day, variant, service),
  CHECK (first_at <= last_at)
);
CREATE INDEX IF NOT EXISTS configuration_evaluation_days_day ON configuration_evaluation_days (environment, day);

INSERT INTO configuration_migrations (name) VALUES ('007_evaluations') ON CONFLICT DO NOTHING;
COMMIT;
