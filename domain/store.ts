import { Rejected, type Decider, type Message } from './decider.ts';

export type StoreCommand = Message<
  'RegisterStore',
  { name: string; city: string; pincode: string }
>;

export type StoreEvent = Message<
  'StoreRegistered',
  { name: string; city: string; pincode: string }
>;

export type Store = { registered: boolean; name: string };

export const store: Decider<Store, StoreCommand, StoreEvent> = {
  category: 'store',
  initial: { registered: false, name: '' },

  decide: {
    RegisterStore(state, data) {
      if (state.registered) {
        throw new Rejected('STORE_ALREADY_REGISTERED', 'This shop is registered already.');
      }
      return [{ type: 'StoreRegistered', data }];
    },
  },

  evolve: {
    StoreRegistered: (_, { name }) => ({ registered: true, name }),
  },
};
