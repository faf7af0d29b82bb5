import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { localName } from './local-name.ts';

const local = suite('local name');

const NAMES = { hi: 'चावल', ta: 'அரிசி' };

local('is Hindi from PIN codes 1 to 4, and Tamil from 60 to 64', () => {
  for (const pincode of ['110001', '302001', '400001']) {
    assert.equal(localName(NAMES, pincode), { lang: 'hi', text: 'चावल' }, pincode);
  }
  for (const pincode of ['600017', '641001']) {
    assert.equal(localName(NAMES, pincode), { lang: 'ta', text: 'அரிசி' }, pincode);
  }
});

local('is nothing elsewhere, where there is no name, or where nobody knows where', () => {
  assert.is(localName(NAMES, '560001'), null);
  assert.is(localName(NAMES, '682001'), null);
  assert.is(localName({ hi: 'चावल' }, '600017'), null);
  assert.is(localName(NAMES, null), null);
});

local.run();
