import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mobileFrom, pincodeFrom } from './recipient.ts';

test('a mobile number is one number, however it is written or pasted', () => {
  const written = [
    '9840012345',
    '+91 98400-12345',
    '098400 12345',
    '919840012345',
    '\u202a+91 98400 12345\u202c',
    '98400\u201312345',
    '\u200e9840012345',
    '0091 98400 12345',
    '98400.12345',
    '(98400) 12345',
    '98400\u00a012345',
    '98400\u201112345\ufeff',
    '९८४०० १२३४५',
    '௯௮௪௦௦ ௧௨௩௪௫',
    '+৯১ ৯৮৪০০ ১২৩৪৫',
    '９８４００１２３４５',
  ];
  for (const text of written) assert.is(mobileFrom(text), '+919840012345', JSON.stringify(text));
});

test('what is no Indian mobile number is none', () => {
  for (const text of ['', '12345', '5840012345', '98400123456', '+1 98400 12345', '98400x12345']) {
    assert.is(mobileFrom(text), undefined, text);
  }
});

test('a PIN code is six digits, however they are set apart', () => {
  for (const text of ['600017', '600 017', '\u202a600\u2013017\u202c', '६०००१७']) {
    assert.is(pincodeFrom(text), '600017', JSON.stringify(text));
  }
  for (const text of ['012345', '60001', '6000171', 'x']) assert.is(pincodeFrom(text), undefined);
});

test.run();
