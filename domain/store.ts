import { Rejected, type Decider, type Message } from './decider.ts';
import {
  DEFAULT_DELIVERY,
  type DeliveryFee,
  type DeliverySettings,
  type OpeningHours,
  type ServiceArea,
} from './delivery.ts';

type Registration = { name: string; city: string; pincode: string };
type Nothing = Record<string, never>;

export type StoreCommand =
  | Message<'RegisterStore', Registration>
  | Message<'SetHours', OpeningHours>
  | Message<'SetServiceArea', ServiceArea>
  | Message<'SetMinimumOrder', { minimumPaise: number }>
  | Message<'SetDeliveryFee', DeliveryFee>
  | Message<'PauseStore', Nothing>
  | Message<'ResumeStore', Nothing>;

export type StoreEvent =
  | Message<'StoreRegistered', Registration>
  | Message<'HoursSet', OpeningHours>
  | Message<'ServiceAreaSet', ServiceArea>
  | Message<'MinimumOrderSet', { minimumPaise: number }>
  | Message<'DeliveryFeeSet', DeliveryFee>
  | Message<'StorePaused', Nothing>
  | Message<'StoreResumed', Nothing>;

export type Store = {
  registered: boolean;
  name: string;
  pincode: string;
  delivery: DeliverySettings;
};

/** What each event makes of the settings: for the fold and for read models alike. */
export const deliveryChanges: {
  [Type in Exclude<StoreEvent['type'], 'StoreRegistered'>]: (
    data: Extract<StoreEvent, { type: Type }>['data'],
  ) => Partial<DeliverySettings>;
} = {
  HoursSet: (hours) => ({ hours }),
  ServiceAreaSet: (area) => ({ area }),
  MinimumOrderSet: ({ minimumPaise }) => ({ minimumPaise }),
  DeliveryFeeSet: (fee) => ({ fee }),
  StorePaused: () => ({ paused: true }),
  StoreResumed: () => ({ paused: false }),
};

/** Throws `Rejected` STORE_NOT_FOUND. */
function assertRegistered({ registered }: Store): void {
  if (!registered) throw new Rejected('STORE_NOT_FOUND', 'There is no such shop.');
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

const feeInOrder = ({ steps, freeFromPaise }: DeliveryFee): DeliveryFee => ({
  steps: steps
    .map(({ fromMetres, fromPaise, feePaise }) => ({ fromMetres, fromPaise, feePaise }))
    .toSorted((a, b) => a.fromMetres - b.fromMetres || a.fromPaise - b.fromPaise),
  freeFromPaise,
});

export const store: Decider<Store, StoreCommand, StoreEvent> = {
  category: 'store',
  initial: { registered: false, name: '', pincode: '', delivery: DEFAULT_DELIVERY },

  decide: {
    RegisterStore(state, data) {
      if (state.registered) {
        throw new Rejected('STORE_ALREADY_REGISTERED', 'This shop is registered already.');
      }
      return [{ type: 'StoreRegistered', data }];
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
    StoreRegistered: (state, { name, pincode }) => ({ ...state, registered: true, name, pincode }),
    HoursSet: (state, data) => changed(state, deliveryChanges.HoursSet(data)),
    ServiceAreaSet: (state, data) => changed(state, deliveryChanges.ServiceAreaSet(data)),
    MinimumOrderSet: (state, data) => changed(state, deliveryChanges.MinimumOrderSet(data)),
    DeliveryFeeSet: (state, data) => changed(state, deliveryChanges.DeliveryFeeSet(data)),
    StorePaused: (state, data) => changed(state, deliveryChanges.StorePaused(data)),
    StoreResumed: (state, data) => changed(state, deliveryChanges.StoreResumed(data)),
  },
};
