-- The sealed audit log: a code on each row that only holders of the key can make, a chain of seals behind the writers, and signed checkpoints.
-- Apply with `strata migrate`, or with `psql -v ON_ERROR_STOP=1 -f`; applying it again changes nothing.
BEGIN;
SELECT pg_advisory_xact_lock(7283640519);

-- HMAC-SHA256 over the row's text, with a key made of the audit key named and the nonce. Rows of before, and of processes without a key, have none.
ALTER TABLE configuration_audit_log ADD COLUMN IF NOT EXISTS mac_key text COLLATE "C";
ALTER TABLE configuration_audit_log ADD COLUMN IF NOT EXISTS mac_nonce text COLLATE "C";
ALTER TABLE configuration_audit_log ADD COLUMN IF NOT EXISTS mac text COLLATE "C";

-- The rows that wait for their seal. What is sealed is taken from here, in whichever order rows become visible.
CREATE TABLE IF NOT EXISTS configuration_audit_unsealed (
  environment text COLLATE "C" NOT NULL,
  audit_id    bigint NOT NULL,
  -- Why the sealer left it out: it cannot vouch for the row.
  refused     text,
  PRIMARY KEY (environment, audit_id)
);

-- The seals of rows, numbered by the sealer: 1, 2, 3 … without gaps, each over the one before it.
CREATE TABLE IF NOT EXISTS configuration_audit_seals (
  environment text COLLATE "C" NOT NULL,
  number      bigint NOT NULL CHECK (number > 0),
  audit_id    bigint NOT NULL UNIQUE,
  chain       text COLLATE "C" NOT NULL CHECK (length(chain) = 64 AND chain !~ '[^0-9a-f]'),
  key_id      text COLLATE "C" NOT NULL,
  mac         text COLLATE "C" NOT NULL CHECK (length(mac) = 64 AND mac !~ '[^0-9a-f]'),
  PRIMARY KEY (environment, number)
);

-- Signed statements of how far the chain had come, and of what was removed under one.
CREATE TABLE IF NOT EXISTS configuration_audit_checkpoints (
  environment text COLLATE "C" NOT NULL,
  sequence    bigint NOT NULL CHECK (sequence > 0),
  kind        text COLLATE "C" NOT NULL CHECK (kind IN ('checkpoint', 'retention')),
  -- The seal that it speaks of.
  number      bigint NOT NULL CHECK (number >= 0),
  -- The text that is signed.
  statement   text NOT NULL,
  signature   text COLLATE "C" NOT NULL,
  public_key  text COLLATE "C" NOT NULL,
  PRIMARY KEY (environment, sequence)
);
CREATE OR REPLACE TRIGGER configuration_audit_checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
  ON configuration_audit_checkpoints FOR EACH STATEMENT EXECUTE FUNCTION configuration_refuse_rewrite();

-- Rows and their seals go only where a signed checkpoint takes their place.
CREATE OR REPLACE FUNCTION configuration_audit_refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('strata.audit_prune', true) = 'on' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$function$;
CREATE OR REPLACE TRIGGER configuration_audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
  ON configuration_audit_log FOR EACH STATEMENT EXECUTE FUNCTION configuration_audit_refuse_rewrite();
CREATE OR REPLACE TRIGGER configuration_audit_seals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
  ON configuration_audit_seals FOR EACH STATEMENT EXECUTE FUNCTION configuration_audit_refuse_rewrite();

-- Gives the rows that this transaction inserts from here on a key: its id, a nonce, and the two padded blocks of HMAC. It is good for these
-- rows alone. Answers the environment, so that it can be the argument of what inserts them.
CREATE OR REPLACE FUNCTION configuration_audit_with(in_environment text, in_key text) RETURNS text LANGUAGE plpgsql AS $function$
BEGIN
  PERFORM set_config('strata.audit_key', in_key, true);
  RETURN in_environment;
END
$function$;

-- Gives a new row its code, and lets it wait for its seal.
CREATE OR REPLACE FUNCTION configuration_audit_stamp() RETURNS trigger LANGUAGE plpgsql AS $function$
DECLARE
  given text[] := string_to_array(nullif(current_setting('strata.audit_key', true), ''), ' ');
BEGIN
  NEW.mac_key := given[1];
  NEW.mac_nonce := given[2];
  NEW.mac := encode(sha256(decode(given[4], 'hex') || sha256(decode(given[3], 'hex') || convert_to(json_build_array(
    NEW.id, NEW.environment, NEW.revision, NEW.operation, NEW.config_key, NEW.scope, NEW.scope_id, NEW.user_id, NEW.success,
    NEW.metadata::text, NEW.ip, NEW.user_agent, NEW.request_id, (extract(epoch FROM NEW.created_at) * 1000000)::bigint
  )::text, 'UTF8'))), 'hex');
  INSERT INTO configuration_audit_unsealed (environment, audit_id) VALUES (NEW.environment, NEW.id);
  RETURN NEW;
END
$function$;
CREATE OR REPLACE TRIGGER configuration_audit_log_stamp BEFORE INSERT
  ON configuration_audit_log FOR EACH ROW EXECUTE FUNCTION configuration_audit_stamp();

-- The rows of before. Nobody inserts meanwhile: the trigger above took a lock.
INSERT INTO configuration_audit_unsealed (environment, audit_id)
SELECT l.environment, l.id FROM configuration_audit_log AS l
WHERE NOT EXISTS (SELECT FROM configuration_audit_seals AS s WHERE s.audit_id = l.id)
ON CONFLICT DO NOTHING;

INSERT INTO configuration_migrations (name) VALUES ('005_audit_seals') ON CONFLICT DO NOTHING;
COMMIT;
