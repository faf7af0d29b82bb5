import type { FastifyInstance } from 'fastify';
import { count, list, object, text } from '../platform/schema.ts';
import type { Slot as Offered } from '../domain/slots/slot-day.ts';
import { readRoute } from '../engine/reading/route.ts';
import type { Services } from './services.ts';
import { findStore } from './catalogue.ts';
import { anybody } from './who.ts';

export type Slot = Offered & {
  /** Places that orders have. */
  taken: number;
  /** Places that can still be had: none once it has begun, or on a holiday. */
  left: number;
};

export type Slots = { storeId: string; date: string; slots: Slot[] };

const slotsSchema = object({
  storeId: text,
  date: text,
  slots: list(
    object({ fromMinute: count, toMinute: count, capacity: count, taken: count, left: count }),
    'Minutes of the day in Asia/Kolkata; a shop without slots has none to pick',
  ),
});

const query = {
  type: 'object',
  required: ['date'],
  additionalProperties: false,
  properties: { date: { type: 'string', format: 'date' } },
} as const;

/** In ms since 1970. */
const beginsMs = (date: string, { fromMinute }: { fromMinute: number }): number =>
  Date.parse(`${date}T00:00:00+05:30`) + fromMinute * 60_000;

async function readSlots({ pool, now }: Services, storeId: string, date: string): Promise<Slots> {
  const { delivery } = await findStore(pool, storeId);
  const { rows } = await pool.query<Omit<Slot, 'left'>>({
    name: 'slots',
    text: `select s."fromMinute", s."toMinute", s.capacity,
        count(h.store_order_id)::int as taken
      from slots.day d
        cross join json_to_recordset(d.slots)
          as s("fromMinute" integer, "toMinute" integer, capacity integer)
        left join slots.hold h
          on h.store_id = d.store_id and h.date = d.date and h.from_minute = s."fromMinute"
      where d.store_id = $1 and d.date = $2
      group by 1, 2, 3 order by 1`,
    values: [storeId, date],
  });
  const isHoliday = delivery.hours.holidays.includes(date);
  const slots = rows.map((slot) => {
    const isOver = isHoliday || beginsMs(date, slot) <= now().getTime();
    return { ...slot, left: isOver ? 0 : Math.max(0, slot.capacity - slot.taken) };
  });
  return { storeId, date, slots };
}

/** Never kept: every order of the day changes what is left of it. */
export function slotsRoutes(app: FastifyInstance, services: Services): void {
  readRoute(app, services, {
    path: 'GET /stores/:storeId/slots',
    who: anybody,
    query,
    answer: slotsSchema,
    answers: 'personal',
    read: ({ params: { storeId } }, { date }: { date: string }) =>
      readSlots(services, storeId, date),
  });
}
