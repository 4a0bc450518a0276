#!/bin/sh
# Creates the namespace TEMPORAL_NAMESPACE on the server TEMPORAL_ADDRESS unless it exists, and registers
# the search attributes that `plait setup` registers. The temporal command reads both variables itself.
set -eu
: "${TEMPORAL_ADDRESS:?}" "${TEMPORAL_NAMESPACE:?}" "${TEMPORAL_RETENTION:?}"

exists() {
  temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1
}

create() {
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$TEMPORAL_RETENTION"
}

# The server may answer before the service for namespaces has started.
tries=0
until exists || create; do
  tries=$((tries + 1))
  if [ "$tries" -ge 30 ]; then
    echo "Could not create the namespace $TEMPORAL_NAMESPACE." >&2
    exit 1
  fi
  sleep 2
done
echo "The namespace $TEMPORAL_NAMESPACE exists."

register() {
  set -- --namespace "$TEMPORAL_NAMESPACE"
  for name in PlaitAgent PlaitUser PlaitStopReason; do
    set -- "$@" --name "$name" --type Keyword
  done
  temporal operator search-attribute create "$@"
}

# A new namespace is known after a moment. Turns run without the search attributes too.
tries=0
until register; do
  tries=$((tries + 1))
  if [ "$tries" -ge 15 ]; then
    echo "Could not register the search attributes: you cannot search turns by agent or user." >&2
    exit 0
  fi
  sleep 2
done
