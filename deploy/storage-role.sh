#!/bin/sh
# Creates the database `plait` and the role `plait`, with which the workers reach it and nothing else: tools
# run in the workers, and the superuser could read and change everything that Temporal knows. Changes nothing
# that is up to date, but sets the password again. psql reads the PG variables itself.
set -eu
: "${PGHOST:?}" "${PGUSER:?}" "${PGPASSWORD:?}" "${PLAIT_STORAGE_PASSWORD:?}"

sql() {
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname "$1"
}

sql postgres <<'SQL'
\getenv password PLAIT_STORAGE_PASSWORD
SELECT 'CREATE ROLE plait' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'plait') \gexec
ALTER ROLE plait LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
SELECT 'CREATE DATABASE plait' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'plait') \gexec

-- Everybody may connect to every database by default.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname) FROM pg_database WHERE datallowconn \gexec
GRANT CONNECT ON DATABASE plait TO plait;
SQL

sql plait <<'SQL'
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO plait;
-- The superuser has created it where the workers were superusers.
SELECT 'ALTER TABLE public.plait_objects OWNER TO plait' WHERE to_regclass('public.plait_objects') IS NOT NULL \gexec
SQL
echo 'The role plait may use the database plait, and no other.'
