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

test.run();
