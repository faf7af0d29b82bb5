import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkRecipient, phoneText } from './recipient.ts';

const recipient = suite('recipient');

const FORM = {
  name: ' Meera Iyer ',
  phone: '98400 12345',
  line1: '14, Third Cross Street',
  city: 'Chennai',
  pincode: '600 017',
};

recipient('tidies what was typed', () => {
  assert.equal(checkRecipient(FORM), {
    contact: { name: 'Meera Iyer', phone: '+919840012345' },
    address: { line1: '14, Third Cross Street', city: 'Chennai', pincode: '600017' },
  });
});

recipient('takes a mobile number in every usual spelling', () => {
  for (const phone of ['9840012345', '+91 98400-12345', '098400 12345', '919840012345']) {
    const result = checkRecipient({ ...FORM, phone });
    assert.ok('contact' in result && result.contact.phone === '+919840012345', phone);
  }
});

recipient('says for each wrong field what to do', () => {
  const result = checkRecipient({ name: ' ', phone: '12345', line1: '', city: '', pincode: '012' });
  assert.ok('errors' in result);
  assert.equal(Object.keys(result.errors), ['name', 'phone', 'line1', 'city', 'pincode']);
  for (const message of Object.values(result.errors)) assert.match(message, /^Enter /);
});

recipient('spaces a number as it is read out, and leaves others alone', () => {
  assert.is(phoneText('+919840012345'), '+91 98400 12345');
  assert.is(phoneText('1800 11 2233'), '1800 11 2233');
});

recipient.run();
