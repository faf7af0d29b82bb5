import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  stateOf,
  store,
  type StoreCommand,
  type StoreEvent,
  type TaxRegistration,
} from './store.ts';
import { given } from '../../test/given.ts';

const registered: StoreEvent = {
  type: 'StoreRegistered',
  data: { name: 'Test Kirana', city: 'Bengaluru', pincode: '560001' },
};

const SETTINGS: { command: StoreCommand; event: StoreEvent['type'] }[] = [
  {
    command: {
      type: 'SetHours',
      data: {
        weekly: [
          { weekday: 1, fromMinute: 1_020, toMinute: 1_500 },
          { weekday: 1, fromMinute: 540, toMinute: 780 },
        ],
        holidays: ['2026-11-24', '2026-11-08', '2026-11-24'],
      },
    },
    event: 'HoursSet',
  },
  {
    command: { type: 'SetServiceArea', data: { pincodes: ['560034', '560001'], within: null } },
    event: 'ServiceAreaSet',
  },
  {
    command: { type: 'SetMinimumOrder', data: { minimumPaise: 20_000 } },
    event: 'MinimumOrderSet',
  },
  {
    command: {
      type: 'SetDeliveryFee',
      data: {
        steps: [
          { fromMetres: 2_000, fromPaise: 0, feePaise: 5_000 },
          { fromMetres: 0, fromPaise: 0, feePaise: 3_000 },
        ],
        freeFromPaise: null,
      },
    },
    event: 'DeliveryFeeSet',
  },
  {
    command: { type: 'SetSlotClosing', data: { leadMinutes: 60, sameDayUntilMinute: 660 } },
    event: 'SlotClosingSet',
  },
  { command: { type: 'PauseStore', data: {} }, event: 'StorePaused' },
];

test('what is set twice is set once, in whatever order its parts are named', () => {
  for (const { command, event } of SETTINGS) {
    const events = given(store, registered).decide(command);
    assert.equal(
      events.map(({ type }) => type),
      [event],
    );
    const again = structuredClone(command);
    for (const part of Object.values(again.data)) if (Array.isArray(part)) part.reverse();
    given(store, registered, ...events)
      .when(again)
      .gives();
  }
});

test('a shop that is not there sets nothing', () => {
  for (const { command } of SETTINGS) given(store).when(command).rejected('STORE_NOT_FOUND');
});

test('a paused shop resumes once', () => {
  const paused: StoreEvent = { type: 'StorePaused', data: {} };
  const resumed: StoreEvent = { type: 'StoreResumed', data: {} };
  const resume: StoreCommand = { type: 'ResumeStore', data: {} };
  given(store, registered, paused).when(resume).gives(resumed);
  given(store, registered, paused, resumed).when(resume).gives();
  assert.not(given(store, registered, paused, resumed).state.delivery.paused);
});

const tax: TaxRegistration = {
  gstin: '29AAGCB7383J1Z4',
  composition: false,
  state: '29',
  fssai: '11217332000123',
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

test('a GSTIN says in which state its shop is; without one the shop does, or its PIN code', () => {
  const said = given(store, registered).decide(set({ ...tax, state: '33' }));
  assert.equal(said, [isSet(tax)]);
  const unregistered = isSet({ ...tax, gstin: null, state: null });
  const stateIn = (pincode: string, ...events: StoreEvent[]) =>
    stateOf(
      given(store, { ...registered, data: { ...registered.data, pincode } }, ...events).state,
    );
  assert.is(stateIn('560001'), '29');
  assert.is(stateIn('160017'), null);
  assert.is(stateIn('160017', unregistered), null);
  assert.is(stateIn('160017', isSet({ ...tax, gstin: null, state: '04' })), '04');
  assert.is(stateIn('160017', isSet({ ...tax, gstin: '04AAAAA0000A1ZA', state: '04' })), '04');
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

test('where its share of card payments goes is set once, and taken away again', () => {
  const account = 'acc_GPWqTfJnPnuHgK';
  const setAccount = (to: string | null) =>
    ({ type: 'SetLinkedAccount', data: { account: to } }) as const;
  const event = (to: string | null) =>
    ({ type: 'LinkedAccountSet', data: { account: to } }) as const;
  given(store).when(setAccount(account)).rejected('STORE_NOT_FOUND');
  given(store, registered).when(setAccount(null)).gives();
  given(store, registered).when(setAccount(account)).gives(event(account));
  given(store, registered, event(account)).when(setAccount(account)).gives();
  given(store, registered, event(account)).when(setAccount(null)).gives(event(null));
});

test.run();
