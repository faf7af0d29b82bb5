import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EVERY_EVENT } from '../test/every-event.ts';
import { reactionTo } from './reactions.ts';

test('an event of another program asks for nothing, whatever it is called', () => {
  const asking = EVERY_EVENT.filter((event) => (reactionTo(event).tasks ?? []).length > 0);
  assert.ok(asking.length > 5);
  for (const { type } of asking) {
    for (const stream of ['theirs-1', 'order', '-', '']) {
      // It says nothing that ours say.
      const theirs = { stream, type, id: '1', data: 7, revision: 0n, position: 1n };
      assert.equal(reactionTo({ ...theirs, metadata: {} as never }), {}, `${type} of ${stream}`);
    }
  }
});

test('whatever becomes of a refund, the shops’ shares are looked at', () => {
  for (const type of ['RefundSucceeded', 'RefundFailed']) {
    const event = EVERY_EVENT.find((one) => one.type === type)!;
    for (const storeOrderId of ['near.o', null]) {
      const data = { ...(event.data as object), storeOrderId };
      const keys = (reactionTo({ ...event, data }).tasks ?? []).map(({ key }) => key);
      assert.ok(keys.includes(`shares ${event.id}`), `${type} of ${storeOrderId}`);
    }
  }
});

test.run();
