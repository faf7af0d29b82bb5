import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  feeFrom,
  feeRows,
  metresFrom,
  pincodesFrom,
  minuteFrom,
  spansFrom,
  spansText,
} from './delivery-settings.ts';

const settings = suite('delivery settings');

settings('hours are read as shopkeepers write them, and past midnight', () => {
  assert.equal(spansFrom('9-13, 17:30 – 22:00'), [
    { fromMinute: 540, toMinute: 780 },
    { fromMinute: 1_050, toMinute: 1_320 },
  ]);
  assert.equal(spansFrom('18:00-02:00'), [{ fromMinute: 1_080, toMinute: 1_560 }]);
  assert.equal(spansFrom('0-24'), [{ fromMinute: 0, toMinute: 1_440 }]);
  assert.equal(spansFrom(' '), []);
  for (const text of ['nine to five', '9', '25-26', '9:60-10', '9-24:30', '9-10;11-12']) {
    assert.is(spansFrom(text), undefined, text);
  }
});

settings('hours that are shown are read back as they were', () => {
  for (const text of ['09:00-13:00, 17:30-22:00', '18:00-02:00', '00:00-24:00', '']) {
    assert.is(spansText(spansFrom(text)!), text);
  }
});

settings('PIN codes are set apart in any way, and are six digits', () => {
  assert.equal(pincodesFrom('560001, 560034\n560068'), ['560001', '560034', '560068']);
  assert.is(pincodesFrom('560001, 5600'), undefined);
});

settings('fees are read in rupees and kilometres, to the paisa and the metre', () => {
  const fee = {
    steps: [{ fromMetres: 1_500, fromPaise: 0, feePaise: 2_550 }],
    freeFromPaise: 50_000,
  };
  assert.equal(feeFrom([{ km: '1.5', value: '0', fee: '25.50' }], '500'), fee);
  assert.equal(feeFrom(feeRows(fee), ''), { ...fee, freeFromPaise: null });
  assert.is(feeFrom([{ km: 'far', value: '0', fee: '25' }], ''), undefined);
  assert.is(feeFrom([], 'much'), undefined);
  assert.is(metresFrom('1,5'), undefined);
});

settings('a time of the day is read as staff write it', () => {
  const times = ['11:00', '9', '9.30', '24:00', '', '24:01', '9:60', 'noon'];
  const minutes = [660, 540, 570, 1_440, undefined, undefined, undefined, undefined];
  assert.equal(times.map(minuteFrom), minutes);
});

settings.run();
