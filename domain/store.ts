import { Rejected, type Decider, type Message } from './decider.ts';
import { isGstin } from './gstin.ts';

type NewStore = { name: string; city: string; pincode: string };

/** How a shop stands to GST, and in whose name its bills are. */
export type TaxRegistration = {
  /** Null: the shop is not registered and charges no tax. */
  gstin: string | null;
  /** Pays tax on its turnover and may charge none (CGST Act 2017, section 10). */
  composition: boolean;
  legalName: string;
  address: string;
};

export type StoreCommand =
  Message<'RegisterStore', NewStore> | Message<'SetTaxRegistration', TaxRegistration>;

export type StoreEvent =
  Message<'StoreRegistered', NewStore> | Message<'TaxRegistrationSet', TaxRegistration>;

export type Store = NewStore & {
  registered: boolean;
  /** Null until the shop told: it counts as not registered. */
  tax: TaxRegistration | null;
};

export const store: Decider<Store, StoreCommand, StoreEvent> = {
  category: 'store',
  initial: { registered: false, name: '', city: '', pincode: '', tax: null },

  decide: {
    RegisterStore(state, data) {
      if (state.registered) {
        throw new Rejected('STORE_ALREADY_REGISTERED', 'This shop is registered already.');
      }
      return [{ type: 'StoreRegistered', data }];
    },

    SetTaxRegistration(state, data) {
      if (!state.registered) throw new Rejected('STORE_NOT_FOUND', 'There is no such shop.');
      const { gstin, composition, legalName, address } = data;
      if (gstin !== null && !isGstin(gstin)) {
        throw new Rejected(
          'INVALID_GSTIN',
          `"${gstin}" is not a GSTIN: compare its 15 characters with the registration certificate.`,
        );
      }
      if (gstin === null && composition) {
        throw new Rejected('INVALID_GSTIN', 'A shop under the composition scheme has a GSTIN.');
      }
      const { tax } = state;
      const known =
        tax?.gstin === gstin &&
        tax.composition === composition &&
        tax.legalName === legalName &&
        tax.address === address;
      return known ? [] : [{ type: 'TaxRegistrationSet', data }];
    },
  },

  evolve: {
    StoreRegistered: (state, data) => ({ ...state, ...data, registered: true }),
    TaxRegistrationSet: (state, tax) => ({ ...state, tax }),
  },
};
