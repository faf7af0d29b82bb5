import { cart } from './cart.ts';
import { catalogue } from './catalogue.ts';
import { history } from './history.ts';
import { invoices } from './invoices.ts';
import { myOrders } from './my-orders.ts';
import { orderBoard } from './order-board.ts';
import { payments } from './payments.ts';
import { slots } from './slots.ts';
import { till } from './till.ts';
import { DECIDERS } from '../domain/deciders.ts';
import { ownStreams } from '../engine/own-streams.ts';
import type { Projection } from '../engine/projections/projection.ts';

/** Every read model there is. */
export const PROJECTIONS: Projection[] = [
  catalogue,
  cart,
  myOrders,
  orderBoard,
  payments,
  invoices,
  slots,
  history,
  till,
];

/** Whether a stream is one that read models are made from. */
export const isOurs = ownStreams(DECIDERS);
