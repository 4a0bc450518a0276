# syntax=docker/dockerfile:1

# A Plait worker. Without arguments it runs the example; give your own module instead:
#
#   docker run … -e PLAIT_STORAGE=postgres://… plait-worker:local worker agents/support.js
#
# where agents/ is mounted at /app/agents, or copied there by a Dockerfile that begins
# `FROM plait-worker:local`. docs/deployment.md shows both.

# Debian and not Alpine: the native library of Temporal's SDK is built for glibc.
FROM node:22-bookworm-slim AS production-modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
COPY . .
RUN npm run build

FROM node:22-bookworm-slim
# The slim image has no certificate authorities. Node brings its own, but the native library needs the
# system's for Temporal over TLS. The directory exists so that a volume for --storage /var/lib/plait gets
# its owner.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/* \
  && install --directory --owner=node --group=node /var/lib/plait
ENV NODE_ENV=production
WORKDIR /app
# Owned by root: the worker cannot change its own program.
COPY --from=production-modules /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
COPY deploy/worker-health.js ./deploy/
USER node

# Healthy means: Temporal answers, the namespace exists, and this container's worker has polled for
# workflows and for activities within the last 70 s. It does not ask the model: that costs money, and a
# restart would not end an outage of the model.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["node", "deploy/worker-health.js"]

# No shell and no npm, which would not pass SIGTERM on to the worker.
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["worker", "dist/examples/customer-lookup/agent.js"]
