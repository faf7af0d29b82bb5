import type { Decider, Message, Optional } from '../../engine/decider.ts';
import { Rejected } from '../rejection.ts';
import {
  DEFAULT_DELIVERY,
  type DeliveryFee,
  type DeliverySettings,
  type OpeningHours,
  type ServiceArea,
  type SlotClosing,
} from './delivery.ts';
import { isGstin, stateCodeOf } from './gstin.ts';
import { stateOfPincode } from './pincode-states.ts';
import {
  UPI_MERCHANT_FIELDS,
  upiShape,
  type UpiAddress,
  type UpiMerchant,
} from '../money/payment.ts';

type NewStore = { name: string; city: string; pincode: string };
type Nothing = Record<string, never>;

/** How a shop stands to GST, and in whose name its bills are. */
export type TaxRegistration = {
  /** Null: the shop is not registered and charges no tax. */
  gstin: string | null;
  /** Pays tax on its turnover and may charge none (CGST Act 2017, section 10). */
  composition: boolean;
  /**
   * Code of the state that it sells from: that of its GSTIN, or else what the shop says. Null where
   * its PIN code tells, or nobody told.
   */
  state: string | null;
  /**
   * Its licence or registration for food, 14 digits, which belong on every bill of food (FSSAI, order
   * of 8 June 2021); null where it did not tell.
   */
  fssai: string | null;
  legalName: string;
  address: string;
};

export type StoreCommand =
  | Message<'RegisterStore', NewStore>
  | Message<'SetTaxRegistration', TaxRegistration>
  /** Null: the shop takes no UPI. */
  | Message<'SetUpiAddress', { upi: UpiAddress | null }>
  /** Null: the shop takes no cards. */
  | Message<'SetLinkedAccount', { account: string | null }>
  | Message<'SetHours', OpeningHours>
  | Message<'SetServiceArea', ServiceArea>
  | Message<'SetMinimumOrder', { minimumPaise: number }>
  | Message<'SetDeliveryFee', DeliveryFee>
  | Message<'SetSlotClosing', SlotClosing>
  | Message<'PauseStore', Nothing>
  | Message<'ResumeStore', Nothing>;

export type StoreEvent =
  | Message<'StoreRegistered', NewStore>
  | Message<'TaxRegistrationSet', TaxRegistration>
  | Message<'UpiAddressSet', { upi: UpiAddress | null }>
  | Message<'LinkedAccountSet', { account: string | null }>
  | Message<'HoursSet', OpeningHours>
  | Message<'ServiceAreaSet', ServiceArea>
  | Message<'MinimumOrderSet', { minimumPaise: number }>
  | Message<'DeliveryFeeSet', DeliveryFee>
  | Message<'SlotClosingSet', SlotClosing>
  | Message<'StorePaused', Nothing>
  | Message<'StoreResumed', Nothing>;

export type Store = NewStore & {
  registered: boolean;
  /** Null until the shop told: it counts as not registered. */
  tax: TaxRegistration | null;
  /** Where it takes UPI, if it does. */
  upi: UpiAddress | null;
  /** Its own account at the gateway, to which its share of what is paid by card goes; null without. */
  linkedAccount: string | null;
  delivery: DeliverySettings;
};

/** The state that a shop sells from, by code; null where its PIN code crosses a border and it did not say. */
export const stateOf = ({ tax, pincode }: Pick<Store, 'tax' | 'pincode'>): string | null =>
  tax?.state ?? stateOfPincode(pincode);

/** Who may charge tax: a shop that is registered, and not under the composition scheme. */
export const chargesTax = (
  tax: Pick<TaxRegistration, 'gstin' | 'composition'> | null | undefined,
): boolean => typeof tax?.gstin === 'string' && !tax.composition;

/** What each event makes of the settings: for the fold and for read models alike. */
export const deliveryChanges: {
  [
    Type in Exclude<
      StoreEvent['type'],
      'StoreRegistered' | 'TaxRegistrationSet' | 'UpiAddressSet' | 'LinkedAccountSet'
    >
  ]: (data: Extract<StoreEvent, { type: Type }>['data']) => Partial<DeliverySettings>;
} = {
  HoursSet: (hours) => ({ hours }),
  ServiceAreaSet: (area) => ({ area }),
  MinimumOrderSet: ({ minimumPaise }) => ({ minimumPaise }),
  DeliveryFeeSet: (fee) => ({ fee }),
  SlotClosingSet: (slotClosing) => ({ slotClosing }),
  StorePaused: () => ({ paused: true }),
  StoreResumed: () => ({ paused: false }),
};

/** Throws `Rejected` STORE_NOT_FOUND. */
function assertRegistered({ registered }: Store): void {
  if (!registered) throw new Rejected('STORE_NOT_FOUND', {});
}

const changed = (state: Store, change: Partial<DeliverySettings>): Store => ({
  ...state,
  delivery: { ...state.delivery, ...change },
});

/** Values of one shape, whose members stand in one order. */
const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

const unique = (texts: string[]): string[] => [...new Set(texts)].toSorted();

const inOrder = ({ weekly, holidays }: OpeningHours): OpeningHours => ({
  weekly:
    weekly
      ?.map(({ weekday, fromMinute, toMinute }) => ({ weekday, fromMinute, toMinute }))
      .toSorted((a, b) => a.weekday - b.weekday || a.fromMinute - b.fromMinute) ?? null,
  holidays: unique(holidays),
});

const areaInOrder = ({ pincodes, within }: ServiceArea): ServiceArea => ({
  pincodes: pincodes && unique(pincodes),
  within: within && {
    centre: { latitude: within.centre.latitude, longitude: within.centre.longitude },
    radiusMetres: within.radiusMetres,
  },
});

const merchantInOrder = (merchant: UpiMerchant): UpiMerchant =>
  Object.fromEntries(
    UPI_MERCHANT_FIELDS.filter((field) => merchant[field]).map((field) => [field, merchant[field]]),
  );

const feeInOrder = ({ steps, freeFromPaise }: DeliveryFee): DeliveryFee => ({
  steps: steps
    .map(({ fromMetres, fromPaise, feePaise }) => ({ fromMetres, fromPaise, feePaise }))
    .toSorted((a, b) => a.fromMetres - b.fromMetres || a.fromPaise - b.fromPaise),
  freeFromPaise,
});

export const store: Decider<Store, StoreCommand, StoreEvent> = {
  category: 'store',
  initial: {
    registered: false,
    name: '',
    city: '',
    pincode: '',
    tax: null,
    upi: null,
    linkedAccount: null,
    delivery: DEFAULT_DELIVERY,
  },

  decide: {
    RegisterStore(state, data) {
      if (state.registered) {
        throw new Rejected('STORE_ALREADY_REGISTERED');
      }
      return [{ type: 'StoreRegistered', data }];
    },
    SetTaxRegistration(known, data) {
      assertRegistered(known);
      const { gstin, composition, fssai, legalName, address } = data;
      const state = gstin === null ? data.state : stateCodeOf(gstin);
      if (gstin !== null && !isGstin(gstin)) {
        throw new Rejected('INVALID_GSTIN', { because: 'malformed', gstin });
      }
      if (gstin === null && composition) {
        throw new Rejected('INVALID_GSTIN', { because: 'composition' });
      }
      const tax = { gstin, composition, state, fssai, legalName, address };
      return isSame(tax, known.tax) ? [] : [{ type: 'TaxRegistrationSet', data: tax }];
    },
    SetUpiAddress(state, { upi: given }) {
      assertRegistered(state);
      const merchant = given?.merchant && merchantInOrder(given.merchant);
      const upi = given && { vpa: given.vpa, name: given.name, ...(merchant && { merchant }) };
      return isSame(upi, state.upi) ? [] : [{ type: 'UpiAddressSet', data: { upi } }];
    },
    SetLinkedAccount(state, { account }) {
      assertRegistered(state);
      return account === state.linkedAccount
        ? []
        : [{ type: 'LinkedAccountSet', data: { account } }];
    },
    SetHours(state, data) {
      assertRegistered(state);
      const hours = inOrder(data);
      return isSame(hours, state.delivery.hours) ? [] : [{ type: 'HoursSet', data: hours }];
    },
    SetServiceArea(state, data) {
      assertRegistered(state);
      const area = areaInOrder(data);
      return isSame(area, state.delivery.area) ? [] : [{ type: 'ServiceAreaSet', data: area }];
    },
    SetMinimumOrder(state, data) {
      assertRegistered(state);
      const isNew = data.minimumPaise !== state.delivery.minimumPaise;
      return isNew ? [{ type: 'MinimumOrderSet', data }] : [];
    },
    SetDeliveryFee(state, data) {
      assertRegistered(state);
      const fee = feeInOrder(data);
      return isSame(fee, state.delivery.fee) ? [] : [{ type: 'DeliveryFeeSet', data: fee }];
    },
    SetSlotClosing(state, { leadMinutes, sameDayUntilMinute }) {
      assertRegistered(state);
      const closing = { leadMinutes, sameDayUntilMinute };
      const isKnown = isSame(closing, state.delivery.slotClosing);
      return isKnown ? [] : [{ type: 'SlotClosingSet', data: closing }];
    },
    PauseStore(state) {
      assertRegistered(state);
      return state.delivery.paused ? [] : [{ type: 'StorePaused', data: {} }];
    },
    ResumeStore(state) {
      assertRegistered(state);
      return state.delivery.paused ? [{ type: 'StoreResumed', data: {} }] : [];
    },
  },

  evolve: {
    StoreRegistered: (state, data) => ({ ...state, ...data, registered: true }),
    TaxRegistrationSet: (state, tax) => ({ ...state, tax }),
    UpiAddressSet: (state, { upi }) => ({ ...state, upi }),
    LinkedAccountSet: (state, { account }) => ({ ...state, linkedAccount: account }),
    HoursSet: (state, data) => changed(state, deliveryChanges.HoursSet(data)),
    ServiceAreaSet: (state, data) => changed(state, deliveryChanges.ServiceAreaSet(data)),
    MinimumOrderSet: (state, data) => changed(state, deliveryChanges.MinimumOrderSet(data)),
    DeliveryFeeSet: (state, data) => changed(state, deliveryChanges.DeliveryFeeSet(data)),
    SlotClosingSet: (state, data) => changed(state, deliveryChanges.SlotClosingSet(data)),
    StorePaused: (state, data) => changed(state, deliveryChanges.StorePaused(data)),
    StoreResumed: (state, data) => changed(state, deliveryChanges.StoreResumed(data)),
  },

  upcast: {
    // What a shop's QR says came with the second version.
    UpiAddressSet: [(data: { upi: UpiAddress | null }) => ({ ...data })],
    TaxRegistrationSet: [(data: RegistrationV1) => fullRegistration(data)],
  },

  shapes: {
    StoreRegistered: { name: 'text', city: 'text', pincode: 'text' },
    TaxRegistrationSet: {
      gstin: 'text?',
      composition: 'boolean',
      state: 'text?',
      fssai: 'text?',
      legalName: 'text',
      address: 'text',
    },
    UpiAddressSet: { upi: ['?', upiShape] },
    LinkedAccountSet: { account: 'text?' },
    HoursSet: {
      weekly: ['?', [{ weekday: 'number', fromMinute: 'number', toMinute: 'number' }]],
      holidays: ['text'],
    },
    ServiceAreaSet: {
      pincodes: ['?', ['text']],
      within: [
        '?',
        { centre: { latitude: 'number', longitude: 'number' }, radiusMetres: 'number' },
      ],
    },
    MinimumOrderSet: { minimumPaise: 'integer' },
    DeliveryFeeSet: {
      steps: [{ fromMetres: 'number', fromPaise: 'integer', feePaise: 'integer' }],
      freeFromPaise: 'integer?',
    },
    SlotClosingSet: { leadMinutes: 'number', sameDayUntilMinute: 'number?' },
    StorePaused: {},
    StoreResumed: {},
  },
};

type RegistrationV1 = Optional<TaxRegistration, 'state' | 'fssai'>;

/** A registration with what was not asked for at first, its members in one order. */
export const fullRegistration = ({
  gstin,
  composition,
  state = gstin && stateCodeOf(gstin),
  fssai = null,
  legalName,
  address,
}: RegistrationV1): TaxRegistration => ({
  gstin,
  composition,
  state,
  fssai,
  legalName,
  address,
});

/** The shop and the day or year of a stream that is named after both: `{storeId}.{period}`. */
export function storeAndPeriodOf(id: string): { storeId: string; period: string } {
  const dot = id.lastIndexOf('.');
  return { storeId: id.slice(0, dot), period: id.slice(dot + 1) };
}
