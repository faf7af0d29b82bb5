import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isPassOf, passInFragment } from './pass.ts';

const pass = suite('pass');

pass('is taken from the fragment of a sign-in link as it is', () => {
  assert.is(passInFragment('#pass=s1.Ab_c-9'), 's1.Ab_c-9');
  assert.is(passInFragment('#somewhere'), null);
  assert.is(passInFragment(''), null);
});

pass('opens only the board of its own shop', () => {
  assert.ok(isPassOf('s1', 's1.Ab_c-9'));
  assert.not.ok(isPassOf('s1', 's2.Ab_c-9'));
  assert.not.ok(isPassOf('s1', 's1.'));
});

pass.run();
