import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { eventStreamParser } from './event-stream.ts';

const stream = suite('event stream');

const TEXT =
  'event: board\ndata: {"a":1}\n\n: still here\n\nevent: board\r\ndata: two\r\ndata:lines\r\n\r\n';
const EVENTS = [
  { event: 'board', data: '{"a":1}' },
  { event: 'board', data: 'two\nlines' },
];

stream('reads whole messages and passes over comments', () => {
  assert.equal(eventStreamParser()(TEXT), EVENTS);
});

stream('reads the same messages from pieces of every size', () => {
  for (let size = 1; size < TEXT.length; size++) {
    const parse = eventStreamParser();
    const events = [];
    for (let at = 0; at < TEXT.length; at += size) events.push(...parse(TEXT.slice(at, at + size)));
    assert.equal(events, EVENTS, `in pieces of ${size}`);
  }
});

stream('keeps a message that is not finished for later', () => {
  const parse = eventStreamParser();
  assert.equal(parse('data: half'), []);
  assert.equal(parse(' of it\n'), []);
  assert.equal(parse('\n'), [{ event: 'message', data: 'half of it' }]);
});

stream('does not carry an event name over to the next message', () => {
  const events = eventStreamParser()('event: order\n\ndata: x\n\n');
  assert.equal(events, [{ event: 'message', data: 'x' }]);
});

stream('keeps colons and braces in data as they are', () => {
  const events = eventStreamParser()('data: {"at":"10:30"}\n\n');
  assert.equal(events, [{ event: 'message', data: '{"at":"10:30"}' }]);
});

stream('refuses a message that never ends', () => {
  const parse = eventStreamParser();
  const megabyte = 'x'.repeat(1024 * 1024);
  assert.throws(() => {
    for (let i = 0; i < 8; i++) parse(megabyte);
  }, /too long/);
});

stream.run();
