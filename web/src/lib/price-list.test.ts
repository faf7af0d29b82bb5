import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { listQuery } from './price-list.ts';

test('only what is otherwise than usual is asked for', () => {
  assert.is(listQuery({ unit: 'rupees', full: false, rehearse: false }), '');
  assert.is(
    listQuery({ unit: 'paise', full: true, rehearse: true }),
    'unit=paise&mode=full&dry-run=true',
  );
  assert.is(
    listQuery({ unit: 'rupees', full: true, rehearse: false, confirm: 'aB-_9' }),
    'mode=full&confirm=aB-_9',
  );
});

test.run();
