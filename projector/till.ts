import { orderNumber } from '../domain/ordering/order.ts';
import { storeAndPeriodOf } from '../domain/stores/store.ts';
import type { TillEvent } from '../domain/money/till.ts';
import { projection, type Fact } from '../engine/projections/projection.ts';
import { defineTable, type Row, type Rows } from '../engine/projections/rows.ts';

const place = { store_id: 'text', date: 'text' } as const;

const openings = defineTable('opening', { ...place, opening_paise: 'bigint' }, [
  'store_id',
  'date',
]);

const movements = defineTable(
  'movement',
  {
    event_id: 'uuid',
    ...place,
    order_number: 'text',
    store_order_id: 'uuid',
    /** Below zero: given back. */
    amount_paise: 'bigint',
    moved_at: 'timestamptz',
  },
  ['event_id'],
  { indexes: ['(store_id, date)'] },
);

const closings = defineTable(
  'closing',
  {
    ...place,
    counted_paise: 'bigint',
    expected_paise: 'bigint',
    difference_paise: 'bigint',
    reason: 'text?',
    closed_at: 'timestamptz',
  },
  ['store_id', 'date'],
);

export type OpeningRow = Row<typeof openings>;
export type MovementRow = Row<typeof movements>;
export type ClosingRow = Row<typeof closings>;

const rowPlace = (id: string) => {
  const { storeId, period: date } = storeAndPeriodOf(id);
  return { store_id: storeId, date };
};

type Cash = Extract<TillEvent, { type: 'CashTaken' | 'CashGivenBack' }>['data'];

const move =
  (sign: 1 | -1) =>
  ({ id, eventId, data }: Fact<Cash>, rows: Rows): void =>
    rows.add(movements, {
      event_id: eventId,
      ...rowPlace(id),
      order_number: orderNumber(data.orderId),
      store_order_id: data.storeOrderId,
      amount_paise: sign * data.amountPaise,
      moved_at: data.at,
    });

/** A shop's cash of each day, and what was counted. */
export const till = projection<TillEvent>({
  name: 'till',
  version: 1,
  tables: [openings, movements, closings],

  on: {
    TillOpened: ({ id, data }, rows) =>
      rows.put(openings, { ...rowPlace(id), opening_paise: data.openingPaise }),
    CashTaken: move(1),
    CashGivenBack: move(-1),
    TillClosed: ({ id, data, at }, rows) =>
      rows.add(closings, {
        ...rowPlace(id),
        counted_paise: data.countedPaise,
        expected_paise: data.expectedPaise,
        difference_paise: data.differencePaise,
        reason: data.reason,
        closed_at: at,
      }),
  },
});
