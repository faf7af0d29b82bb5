import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startParts } from '../test/shop.ts';
import { asStored, connectEventStore, LOG_IDENTITY, readStream } from './event-store.ts';
import { identityOf, knownIdentityOf, renewIdentity } from './log-identity.ts';

test('a log has one id, whoever asks first, until it gets another', async () => {
  const { client, eventStoreUrl, stop } = await startParts();
  const other = connectEventStore(eventStoreUrl, asStored);
  try {
    assert.is(await knownIdentityOf(client), undefined);
    const asked = await Promise.all([client, other, client, other].map(identityOf));
    assert.is(new Set(asked).size, 1);
    assert.match(asked[0]!, /^[0-9a-f]{8}-/);
    assert.is(await knownIdentityOf(other), asked[0]);
    const renewed = await renewIdentity(client);
    assert.is.not(renewed, asked[0]);
    assert.is(await identityOf(other), renewed);
    const events = await Array.fromAsync(readStream(client, LOG_IDENTITY));
    assert.is(events.length, 2);
  } finally {
    await other.dispose();
    await stop();
  }
});

test.run();
