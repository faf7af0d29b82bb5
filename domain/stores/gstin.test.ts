import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isGstin, stateTaxName } from './gstin.ts';

// Widely published as examples.
const REAL = ['27AAPFU0939F1ZV', '24AAACC1206D1ZM', '29AAGCB7383J1Z4'];

test('real numbers pass', () => {
  for (const gstin of REAL) assert.ok(isGstin(gstin), gstin);
});

test('one wrong character, or two that changed places, is found', () => {
  const characters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';
  for (const gstin of REAL) {
    for (let at = 0; at < gstin.length; at++) {
      for (const character of characters) {
        if (character === gstin[at]) continue;
        assert.not(isGstin(gstin.slice(0, at) + character + gstin.slice(at + 1)));
      }
      const [a, b] = [gstin[at], gstin[at + 1]];
      if (!b || a === b) continue;
      assert.not(isGstin(gstin.slice(0, at) + b + a + gstin.slice(at + 2)));
    }
  }
});

test('what is no number of a shop’s registration is refused', () => {
  for (const text of [
    '',
    '27AAPFU0939F1Z',
    '27aapfu0939f1zv',
    '99AAPFU0939F1ZV',
    '27AAPFU0939F1ZV ',
  ]) {
    assert.not(isGstin(text), text);
  }
});

test('a union territory without a legislature takes UTGST', () => {
  assert.is(stateTaxName('29AAGCB7383J1Z4'), 'SGST');
  assert.is(stateTaxName('04AAGCB7383J1Z4'), 'UTGST');
});

test.run();
