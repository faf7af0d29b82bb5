import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { saidIn } from './webhook.ts';

test('a body that is no JSON, or holds what is no text, says nothing', () => {
  const said = (body: string) => saidIn(Buffer.from(body));
  assert.equal(said('{"reference":"1"}'), { reference: '1' });
  for (const body of [
    '',
    'null',
    '{',
    String.raw`{"reference":"\u0000"}`,
    String.raw`{"a":["\ud83d"]}`,
  ]) {
    assert.equal(said(body), {}, body);
  }
});

test.run();
