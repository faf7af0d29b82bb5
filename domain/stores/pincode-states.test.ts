import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { STATES } from './gstin.ts';
import { PLACES, stateFrom, stateOfPincode, statesOfPincode } from './pincode-states.ts';

test('a PIN code lies in the state of its first three digits', () => {
  const known = {
    '110037': '07',
    '122001': '06',
    '160017': null,
    '160055': null,
    '201301': '09',
    '400001': '27',
    '403001': '30',
    '500001': '36',
    '533464': null,
    '560001': '29',
    '600017': '33',
    '605001': null,
    '744101': '35',
    '737101': '11',
    '900056': null,
  };
  for (const [pincode, state] of Object.entries(known)) {
    assert.is(stateOfPincode(pincode), state, pincode);
  }
});

test('digits that cross a border name each state beyond it', () => {
  assert.equal(statesOfPincode('160055'), ['03', '04']);
  assert.equal(statesOfPincode('396001'), ['24', '26']);
  assert.equal(statesOfPincode('682555'), ['31', '32']);
  assert.equal(statesOfPincode('999999'), []);
  const prefixes = Array.from({ length: 900 }, (_, index) => `${100 + index}000`);
  const known = prefixes.filter((pincode) => statesOfPincode(pincode).length > 0);
  const crossing = known.filter((pincode) => statesOfPincode(pincode).length > 1);
  assert.equal([known.length, crossing.length], [404, 17]);
});

test('every state has a PIN code, and is known by its code and by its name', () => {
  assert.equal(
    PLACES,
    Object.keys(STATES)
      .filter((code) => code !== '97')
      .toSorted(),
  );
  for (const code of PLACES) {
    assert.is(stateFrom(code), code);
    assert.is(stateFrom(` ${STATES[code]!.toUpperCase()} `), code);
  }
  assert.equal(
    [stateFrom('97'), stateFrom('Bombay'), stateFrom('')],
    [undefined, undefined, undefined],
  );
});

test.run();
