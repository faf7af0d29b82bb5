import { test } from 'uvu';
import { store, type StoreEvent, type TaxRegistration } from './store.ts';
import { given } from './testing.ts';

const registered: StoreEvent = {
  type: 'StoreRegistered',
  data: { name: 'Test Kirana', city: 'Bengaluru', pincode: '560001' },
};
const tax: TaxRegistration = {
  gstin: '29AAGCB7383J1Z4',
  composition: false,
  legalName: 'Test Kirana Private Limited',
  address: '12, 4th Cross, Bengaluru',
};
const set = (data: TaxRegistration) => ({ type: 'SetTaxRegistration', data }) as const;
const isSet = (data: TaxRegistration): StoreEvent => ({ type: 'TaxRegistrationSet', data });

test('a registration is set, a repeat is silent, and a shop may leave again', () => {
  given(store, registered).when(set(tax)).gives(isSet(tax));
  given(store, registered, isSet(tax)).when(set(tax)).gives();
  const unregistered = { ...tax, gstin: null };
  given(store, registered, isSet(tax)).when(set(unregistered)).gives(isSet(unregistered));
});

test('a number that is none is refused, and so is a composition scheme without one', () => {
  given(store, registered)
    .when(set({ ...tax, gstin: '29AAGCB7383J1Z5' }))
    .rejected('INVALID_GSTIN');
  given(store, registered)
    .when(set({ ...tax, gstin: null, composition: true }))
    .rejected('INVALID_GSTIN');
  given(store).when(set(tax)).rejected('STORE_NOT_FOUND');
});

test.run();
