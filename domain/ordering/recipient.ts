import type { Coordinates } from '../stores/delivery.ts';

/** Whom an order is for: personal, so that it goes into events only sealed. */
export type Recipient = {
  contact: { name: string; phone: string };
  /** `state` by code, where the shopper named it. */
  address: {
    line1: string;
    city: string;
    pincode: string;
    state?: string;
    location?: Coordinates;
  };
};
