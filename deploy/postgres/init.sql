-- Databases and roles, with no more rights than each needs; the same as local.databases makes, and Metabase's
-- own. Passwords come from files. Runs once on an empty data directory; running it again changes passwords:
--   docker compose exec postgres psql -U postgres -v ON_ERROR_STOP=1 -f /docker-entrypoint-initdb.d/brain.sql
\set ON_ERROR_STOP on
\set market_owner_password `cat "${BRAIN_SECRETS:-/run/secrets}/market_owner_password"`
\set brain_source_password `cat "${BRAIN_SECRETS:-/run/secrets}/brain_source_password"`
\set brain_feedback_password `cat "${BRAIN_SECRETS:-/run/secrets}/brain_feedback_password"`
\set brain_writer_password `cat "${BRAIN_SECRETS:-/run/secrets}/brain_writer_password"`
\set bi_reader_password `cat "${BRAIN_SECRETS:-/run/secrets}/bi_reader_password"`
\set airflow_password `cat "${BRAIN_SECRETS:-/run/secrets}/airflow_db_password"`
\set metabase_password `cat "${BRAIN_SECRETS:-/run/secrets}/metabase_db_password"`

-- The server logs statements that fail, and more if told so: not these, which hold passwords.
SET log_min_error_statement = panic;
SET log_statement = none;
SET log_min_duration_statement = -1;

CREATE TEMPORARY TABLE wanted (
    role text, password text CONSTRAINT "a file of a password is missing or empty" CHECK (password <> ''), owns text, reads text
);
INSERT INTO wanted VALUES
    ('market_owner', :'market_owner_password', 'market', NULL),
    ('brain_source', :'brain_source_password', NULL, 'market'),
    ('brain_feedback', :'brain_feedback_password', NULL, NULL),
    ('brain_writer', :'brain_writer_password', 'warehouse', NULL),
    ('bi_reader', :'bi_reader_password', NULL, 'warehouse'),
    ('airflow', :'airflow_password', 'airflow', NULL),
    ('metabase', :'metabase_password', 'metabase', NULL);

SELECT format(
    '%s ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %L',
    CASE WHEN to_regrole(role) IS NULL THEN 'CREATE' ELSE 'ALTER' END, role, password
) FROM wanted \gexec
SELECT format('ALTER ROLE %I SET default_transaction_read_only = on', role) FROM wanted WHERE reads IS NOT NULL \gexec

-- Limits of the BI login. A session can lift all but the first and the last of them; brain_writer may end a session that
-- is in its way for longer. What the login has set for itself goes.
ALTER ROLE bi_reader RESET ALL;
SELECT format('ALTER ROLE bi_reader IN DATABASE %I RESET ALL', datname)
FROM pg_db_role_setting JOIN pg_database AS base ON base.oid = setdatabase
WHERE setrole = 'bi_reader'::regrole \gexec
ALTER ROLE bi_reader SET default_transaction_read_only = on;
ALTER ROLE bi_reader CONNECTION LIMIT 40;
ALTER ROLE bi_reader SET statement_timeout = '60s';
ALTER ROLE bi_reader SET transaction_timeout = '60s';
ALTER ROLE bi_reader SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE bi_reader SET lock_timeout = '10s';
ALTER ROLE bi_reader SET temp_file_limit = '1GB';
GRANT bi_reader TO brain_writer WITH INHERIT TRUE, SET FALSE;

SELECT format('CREATE DATABASE %I OWNER %I', owns, role) FROM wanted
WHERE owns IS NOT NULL AND owns NOT IN (SELECT datname FROM pg_database) \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', owns) FROM wanted WHERE owns IS NOT NULL \gexec
-- Nobody but the superuser has work there, and no limit of ours holds there.
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
REVOKE ALL ON DATABASE template1 FROM PUBLIC;
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', reads, role) FROM wanted WHERE reads IS NOT NULL \gexec
-- The Brain page writes as this one what people say of anomalies: what it may is granted with the table, by its owner.
GRANT CONNECT ON DATABASE market TO brain_feedback;
ALTER ROLE brain_feedback CONNECTION LIMIT 20;
ALTER ROLE brain_feedback SET statement_timeout = '10s';
ALTER ROLE brain_feedback SET transaction_timeout = '10s';
ALTER ROLE brain_feedback SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE brain_feedback SET lock_timeout = '5s';
ALTER ROLE brain_feedback SET temp_file_limit = '10MB';

\connect market
ALTER SCHEMA public OWNER TO market_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO brain_source;
GRANT USAGE ON SCHEMA public TO brain_feedback;
-- What anybody may call and neither of them needs: large objects, locks that fill shared memory, messages that fill the
-- log or the queue of notifications, and ending the sessions of others who share the login.
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure) FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND (
    proname ~ '^(lo_|lowrite$|loread$|pg_(try_)?advisory_)'
    OR proname IN ('pg_logical_emit_message', 'pg_notify', 'pg_terminate_backend', 'pg_cancel_backend')) \gexec
GRANT EXECUTE ON FUNCTION pg_terminate_backend(integer, bigint) TO market_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE market_owner GRANT SELECT ON TABLES TO brain_source;
ALTER DEFAULT PRIVILEGES FOR ROLE market_owner GRANT USAGE ON SCHEMAS TO brain_source;

\connect warehouse
ALTER SCHEMA public OWNER TO brain_writer;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO bi_reader;
-- What anybody may call and no reader needs: large objects, locks that fill shared memory, messages that fill the log or
-- the queue of notifications, and ending the sessions of others who share the login.
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure) FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND (
    proname ~ '^(lo_|lowrite$|loread$|pg_(try_)?advisory_)'
    OR proname IN ('pg_logical_emit_message', 'pg_notify', 'pg_terminate_backend', 'pg_cancel_backend')) \gexec
GRANT EXECUTE ON FUNCTION pg_terminate_backend(integer, bigint) TO brain_writer;

\connect airflow
ALTER SCHEMA public OWNER TO airflow;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

\connect metabase
ALTER SCHEMA public OWNER TO metabase;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
