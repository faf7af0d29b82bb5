import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { EventStore } from '../platform/event-store.ts';
import { createLog } from '../platform/log.ts';
import { isOfLog, parsePosition, positionToken, positionTokens } from './position.ts';

const LOG = '7f3a90bc-0000-4000-8000-000000000000';

test('a token says which log is meant, and a bare number does not', () => {
  const token = positionToken(LOG, 42n);
  assert.is(token, '7f3a90bc.42');
  assert.equal(parsePosition(token), { log: '7f3a90bc', position: 42n });
  assert.equal(parsePosition('42'), { log: undefined, position: 42n });
  const others = ['', '-1', '4.2', '7f3a90bc.', '7F3A90BC.1', '7f3a90bc.-1', '.1', '1e3', ' 1'];
  for (const text of [...others, '7f3a90bc.42.1', '12345678901234567890', '7f3a90bg.1']) {
    assert.is(parsePosition(text), undefined, text);
  }
});

test('a position of another log is none of this one', () => {
  const other = '7f3a90bd-0000-4000-8000-000000000000';
  const position = parsePosition(positionToken(LOG, 42n))!;
  assert.equal(
    [LOG, other, undefined].map((log) => isOfLog(position, log)),
    [true, false, true],
  );
  assert.ok(isOfLog(parsePosition('42')!, other));
});

test('what was done is answered, though the event store does not say which log it holds', async () => {
  const away = {
    readStream() {
      throw new Error('it is away');
    },
  } as unknown as EventStore;
  assert.is(await positionTokens(away, createLog('test', 'silent'))(42n), '42');
});

test.run();
