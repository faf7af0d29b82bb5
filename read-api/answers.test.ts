import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { applyEvents } from '../engine/projections/apply.ts';
import { createSchema, prepareDatabase } from '../engine/projections/checkpoint.ts';
import { Projected } from '../engine/reading/projected.ts';
import { createLog } from '../platform/log.ts';
import { createPool, transaction } from '../platform/postgres.ts';
import { Sessions } from '../platform/session.ts';
import { sign } from '../platform/signature.ts';
import { openVault } from '../platform/vault.ts';
import { PROJECTIONS } from '../projector/app.ts';
import { isPublicTag } from '../projector/tags.ts';
import { wallClock } from '../test/clock.ts';
import { EVERY_EVENT, EVERY_ID, GUEST } from '../test/every-event.ts';
import { headersOfGuest, SESSION_SECRET } from '../test/session.ts';
import { startParts, untilLive } from '../test/shop.ts';
import { createReadApi } from './app.ts';

const SECRET = 'a secret of the tests, 32 or more';
const PREFIX = '/api/read';

type Schema = {
  type?: string | string[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: unknown;
};
type Document = {
  paths: Record<
    string,
    { get: { responses: Record<string, { content?: Record<string, { schema: Schema }> }> } }
  >;
};

type Context = {
  url: string;
  /** Every path of the API, and what it says that it answers, if that is an object. */
  routes: { path: string; schema: Schema | undefined }[];
  stop: () => Promise<void>;
};
const test = suite<Context>('answers');

/** A read-api whose rows are made of every event. */
test.before(async (context) => {
  const { databaseUrl, cleanup } = await startParts();
  const log = createLog('test', 'silent');
  const pool = createPool(databaseUrl, log);
  cleanup.add(() => pool.end());
  await prepareDatabase(pool);
  const targets = await transaction(pool, async (connection) => {
    const created = [];
    for (const projection of PROJECTIONS) {
      created.push(await createSchema(connection, projection, projection.name));
    }
    return created;
  });
  await applyEvents({ pool, log, notify: false }, targets, [...EVERY_EVENT]);
  const projected = new Projected(databaseUrl, pool, log);
  await projected.start();
  cleanup.add(() => projected.stop());
  const app = await createReadApi({
    pool,
    projected,
    vault: await openVault(pool, SECRET),
    storePassSecret: SECRET,
    deliveryCodeSecret: SECRET,
    sessions: new Sessions(SESSION_SECRET, wallClock),
    log,
    now: wallClock,
  });
  cleanup.add(() => app.close());
  const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}${PREFIX}`;
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
  const routes = Object.entries(document.paths).map(([path, { get }]) => ({
    path: path.slice(PREFIX.length),
    schema: get.responses['200']?.content?.['application/json']?.schema,
  }));
  Object.assign(context, { url, routes, stop: () => cleanup.run() });
});
test.after(({ stop }) => stop());

/** `/stores/{storeId}/slots` → an address of the shop that the log is about. */
function addressOf({ url }: Context, path: string): string {
  const known = EVERY_ID as Record<string, string>;
  const address = path.replace(/\{(\w+)\}/g, (_, name: string) => known[name]!);
  return `${url}${address}?${path.endsWith('/slots') ? `date=${EVERY_ID.date}` : ''}`;
}

/** Of whoever is both. */
const headers = {
  ...headersOfGuest(GUEST),
  authorization: `Bearer ${sign(SECRET, EVERY_ID.storeId)}`,
};

/** Where a value says more or less than its schema. */
function* differences(value: unknown, schema: Schema, at: string): Generator<string> {
  if (schema.additionalProperties) yield `${at} may hold anything`;
  if (value === null && ![schema.type].flat().includes('null')) yield `${at} is null`;
  if (Array.isArray(value)) {
    for (const item of value) yield* differences(item, schema.items ?? {}, `${at}[]`);
  } else if (typeof value === 'object' && value !== null) {
    const { properties = {}, required = [] } = schema;
    for (const name of required) if (!(name in value)) yield `${at}.${name} is missing`;
    for (const [name, inner] of Object.entries(value)) {
      if (properties[name]) yield* differences(inner, properties[name], `${at}.${name}`);
      else yield `${at}.${name} is not in the schema`;
    }
  }
}

test('every answer says what its schema says, and nothing else', async (context) => {
  const found: string[] = [];
  for (const { path, schema } of context.routes) {
    if (!schema) continue;
    const response = await fetch(addressOf(context, path), { headers });
    assert.is(response.status, 200, path);
    found.push(...differences(await response.json(), schema, path));
  }
  assert.equal([...new Set(found)], []);
});

test('what is told live is what is read at once', async (context) => {
  const live = context.routes.filter(({ path }) => path.endsWith('/live'));
  assert.is(live.length, 3);
  const found: string[] = [];
  for (const { path } of live) {
    const { schema } = context.routes.find((route) => `${route.path}/live` === path)!;
    const answer = await untilLive<object>(addressOf(context, path), () => true, null, headers);
    found.push(...differences(answer, schema!, path));
  }
  assert.equal([...new Set(found)], []);
});

test('every answer that caches keep is purged when what it is of changes', async (context) => {
  const kept: string[] = [];
  for (const { path, schema } of context.routes) {
    if (!schema) continue;
    const response = await fetch(addressOf(context, path), { headers });
    await response.arrayBuffer();
    const { headers: said } = response;
    if (!said.get('cache-control')!.startsWith('public')) continue;
    kept.push(path);
    const tags = said.get('cache-tag')!.split(',');
    assert.equal(
      tags.filter((tag) => !isPublicTag(tag)),
      [],
      path,
    );
  }
  assert.ok(kept.length >= 4);
});

test.run();
