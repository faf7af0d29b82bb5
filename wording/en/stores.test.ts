import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closedText, feeText, openingText } from './stores.ts';

const stores = suite('stores');

const at = (text: string): number => Date.parse(`${text}+05:30`);
const AT_MS = at('2026-11-21T08:00:00');

stores('says when a shop opens as far away as people think', () => {
  assert.is(openingText(at('2026-11-21T09:30:00'), AT_MS), 'today at 09:30');
  assert.is(openingText(at('2026-11-22T00:00:00'), AT_MS), 'tomorrow at 00:00');
  assert.is(openingText(at('2026-11-23T09:00:00'), AT_MS), 'on Monday at 09:00');
  assert.is(openingText(at('2026-11-30T09:00:00'), AT_MS), 'in 9 days, at 09:00');
});

stores('says that it is closed, and until when', () => {
  assert.is(closedText(at('2026-11-21T09:30:00'), AT_MS), 'Closed now. Opens today at 09:30.');
  assert.is(closedText(null, AT_MS), 'This shop is closed for now.');
});

stores('says what delivery costs, and nothing where it costs nothing', () => {
  const step = (fromMetres: number, feePaise: number) => ({ fromMetres, fromPaise: 0, feePaise });
  const free = { steps: [], freeFromPaise: null };
  assert.is(feeText({ fee: free, minimumPaise: 0 }), null);
  assert.is(feeText({ fee: free, minimumPaise: 20_000 }), 'Free delivery · orders from ₹200');
  const fee = { steps: [step(0, 3_000), step(2_000, 5_000)], freeFromPaise: 50_000 };
  assert.is(feeText({ fee, minimumPaise: 0 }), 'Delivery ₹30 to ₹50 · free from ₹500');
  const flat = { steps: [step(0, 3_000)], freeFromPaise: null };
  assert.is(feeText({ fee: flat, minimumPaise: 0 }), 'Delivery ₹30');
});

stores.run();
