import type { Slot, SlotDayEvent } from '../domain/slots/slot-day.ts';
import { storeAndPeriodOf } from '../domain/stores/store.ts';
import { projection } from '../engine/projections/projection.ts';
import { defineTable, json } from '../engine/projections/rows.ts';

const days = defineTable('day', { store_id: 'text', date: 'text', slots: json<Slot[]>() }, [
  'store_id',
  'date',
]);

/** A row for each place that an order has. */
const holds = defineTable(
  'hold',
  { store_order_id: 'uuid', store_id: 'text', date: 'text', from_minute: 'bigint' },
  ['store_order_id'],
  { indexes: ['(store_id, date)'] },
);

/** When shops deliver, and how much of that is taken. */
export const slots = projection<SlotDayEvent>({
  name: 'slots',
  version: 2,
  tables: [days, holds],

  on: {
    SlotCapacitySet({ id, data }, rows) {
      const { storeId, period: date } = storeAndPeriodOf(id);
      rows.put(days, { store_id: storeId, date, slots: data.slots });
    },
    SlotHeld({ id, data }, rows) {
      const { storeId, period: date } = storeAndPeriodOf(id);
      const { storeOrderId, fromMinute } = data;
      const row = { store_id: storeId, date, from_minute: fromMinute };
      rows.put(holds, { store_order_id: storeOrderId, ...row });
    },
    SlotReleased({ data }, rows) {
      rows.delete(holds, { store_order_id: data.storeOrderId });
    },
  },
});
