import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { asStored, connectEventStore, protobufOfClient } from './event-store.ts';

test('connecting, and nothing before, decodes payloads faster, to the same bytes', async () => {
  const { Message } = protobufOfClient();
  const original = Message.bytesAsU8;
  const url = 'esdb://127.0.0.1:1?tls=false';
  const clients = [connectEventStore(url, asStored)];
  const { bytesAsU8 } = Message;
  assert.is.not(bytesAsU8, original);
  clients.push(connectEventStore(url, asStored));
  assert.is(Message.bytesAsU8, bytesAsU8);
  for (let length = 0; length < 300; length++) {
    const bytes = randomBytes(length);
    for (const encoding of ['base64', 'base64url'] as const) {
      const text = bytes.toString(encoding);
      assert.is(Buffer.compare(bytesAsU8(text), bytes), 0);
      assert.is(Buffer.compare(original(text), bytes), 0);
    }
    assert.is(bytesAsU8(bytes), original(bytes));
  }
  await Promise.all(clients.map((client) => client.dispose()));
});

test.run();
