#!/bin/sh
# Creates Temporal's two databases and brings their schemas to the version of the tool. Changes nothing that
# is up to date. temporal-sql-tool reads the SQL_ variables itself.
set -eu

set_up() {
  database=$1
  schema=$2
  temporal-sql-tool --db "$database" create
  temporal-sql-tool --db "$database" setup-schema --version 0.0
  temporal-sql-tool --db "$database" update-schema --schema-name "$schema"
}

set_up temporal postgresql/v12/temporal
set_up temporal_visibility postgresql/v12/visibility
echo 'The schemas are up to date.'
