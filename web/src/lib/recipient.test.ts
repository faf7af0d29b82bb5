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

recipient('asks for the state where the PIN code does not tell, and sends what was chosen', () => {
  const [atBorder, state] = [{ ...FORM, pincode: '160055' }, '03'];
  const unsaid = checkRecipient(atBorder);
  assert.ok('errors' in unsaid && unsaid.errors.state === 'Choose the state.');
  const said = checkRecipient({ ...atBorder, state });
  assert.ok('address' in said && said.address.state === state);
});

recipient('takes a business with its GSTIN and its name', () => {
  const gstin = '27aapfu0939f1zv';
  const buyer = { gstin: '27AAPFU0939F1ZV', legalName: 'Asha Caterers' };
  const taken = checkRecipient({ ...FORM, gstin, legalName: ' Asha Caterers ' });
  assert.equal('buyer' in taken && taken.buyer, buyer);
  const wrong = checkRecipient({ ...FORM, gstin: '27AAPFU0939F1ZX', legalName: '' });
  assert.ok('errors' in wrong);
  assert.equal(Object.keys(wrong.errors), ['gstin', 'legalName']);
});

recipient('spaces a number as it is read out, and leaves others alone', () => {
  assert.is(phoneText('+919840012345'), '+91 98400 12345');
  assert.is(phoneText('1800 11 2233'), '1800 11 2233');
});

recipient.run();
