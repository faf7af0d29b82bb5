import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { languageFor } from './language.ts';

test('the first language that there are words in, and English where there is none', () => {
  const english = languageFor('en');
  assert.is(
    english.refusalText({ code: 'CART_EMPTY', facts: {} }),
    'The cart is empty: add something first.',
  );
  const asked = [
    undefined,
    '',
    '*',
    'en-IN',
    'hi-IN,hi;q=0.9,en;q=0.8',
    'ta',
    ' EN ',
    'constructor',
  ];
  for (const tag of asked) assert.is(languageFor(tag), english, tag);
});

test.run();
