#!/bin/sh
# Creates the namespace TEMPORAL_NAMESPACE on the server TEMPORAL_ADDRESS unless it exists, and registers
# the search attributes that `plait setup` registers. The temporal command reads both variables itself.
set -eu
: "${TEMPORAL_ADDRESS:?}" "${TEMPORAL_NAMESPACE:?}" "${TEMPORAL_RETENTION:?}"

# Runs a command every two seconds until it succeeds, at most so many times.
try() {
  left=$1
  shift
  until "$@"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    sleep 2
  done
}

make_namespace() {
  temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$TEMPORAL_RETENTION"
}

# The server may answer before the service for namespaces has started.
if ! try 30 make_namespace; then
  echo "Could not create the namespace $TEMPORAL_NAMESPACE." >&2
  exit 1
fi
echo "The namespace $TEMPORAL_NAMESPACE exists."

register() {
  set -- --namespace "$TEMPORAL_NAMESPACE"
  for name in PlaitAgent PlaitUser PlaitStopReason; do
    set -- "$@" --name "$name" --type Keyword
  done
  temporal operator search-attribute create "$@"
}

# A new namespace is known after a moment. Turns run without the search attributes too.
if ! try 15 register; then
  echo "Could not register the search attributes: you cannot search turns by agent or user." >&2
fi
