#!/bin/sh
# Creates the namespace TEMPORAL_NAMESPACE on the server TEMPORAL_ADDRESS unless it exists, with the
# search attributes that `plait setup` registers; the temporal command reads both itself.
set -eu
: "${TEMPORAL_ADDRESS:?}" "${TEMPORAL_NAMESPACE:?}" "${TEMPORAL_RETENTION:?}"

exists() {
  temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1
}

create() {
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$TEMPORAL_RETENTION"
}

# A server that answers may still be starting the part that does this.
tries=0
until exists || create; do
  tries=$((tries + 1))
  if [ "$tries" -ge 30 ]; then
    echo "The namespace $TEMPORAL_NAMESPACE could not be created." >&2
    exit 1
  fi
  sleep 2
done
echo "The namespace $TEMPORAL_NAMESPACE exists."

register() {
  set -- --namespace "$TEMPORAL_NAMESPACE"
  for name in PlaitAgent PlaitUser PlaitStatus PlaitStopReason; do
    set -- "$@" --name "$name" --type Keyword
  done
  temporal operator search-attribute create "$@"
}

# A namespace that was just created takes a moment to be known. Turns run without them as well.
tries=0
until register; do
  tries=$((tries + 1))
  if [ "$tries" -ge 15 ]; then
    echo "Turns cannot be found by agent or user: the search attributes could not be registered." >&2
    exit 0
  fi
  sleep 2
done
