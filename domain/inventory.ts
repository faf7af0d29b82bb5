import type { Decider, Message } from './decider.ts';

type Count = { sku: string; quantity: number };

/** What a shop counted on its shelves, in pieces; an item that it never counted sells freely. */
export type InventoryCommand = Message<'CountStock', { counts: Count[] }>;

export type InventoryEvent = Message<'StockCounted', { counts: Count[] }>;

export type Inventory = { onHand: ReadonlyMap<string, number> };

export const inventory: Decider<Inventory, InventoryCommand, InventoryEvent> = {
  category: 'inventory',
  initial: { onHand: new Map() },

  decide: {
    CountStock({ onHand }, { counts }) {
      const changed = counts.filter(({ sku, quantity }) => onHand.get(sku) !== quantity);
      return changed.length > 0 ? [{ type: 'StockCounted', data: { counts: changed } }] : [];
    },
  },

  evolve: {
    StockCounted({ onHand }, { counts }) {
      const next = new Map(onHand);
      for (const { sku, quantity } of counts) next.set(sku, quantity);
      return { onHand: next };
    },
  },
};
