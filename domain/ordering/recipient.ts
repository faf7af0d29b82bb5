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
  /** Whom it is billed to, where a business buys (CGST Rules 2017, 46(d)). */
  buyer?: { gstin: string; legalName: string };
};

/** The zero of each script in which people in India write digits, and that of full-width ones. */
const ZEROS = [
  0x0660, 0x06f0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x1c50,
  0xabf0, 0xff10,
];

function asciiDigit(digit: string): string {
  const point = digit.codePointAt(0)!;
  const zero = ZEROS.find((start) => point >= start && point <= start + 9);
  return zero === undefined ? digit : String(point - zero);
}

/**
 * A number as people write and paste it, without what only sets its digits apart: spaces, dashes of
 * any kind, dots, brackets, and marks that nobody sees (Unicode's Cf, which contacts put around a
 * number); digits of any script in India are 0 to 9.
 */
export const bareNumber = (text: string): string =>
  text.replace(/[\s\p{Cf}\p{Pd}.()]/gu, '').replace(/\p{Nd}/gu, asciiDigit);

/** Ten digits from 6 on, which is every Indian mobile number; or `+91`, `0091` or `0` before them. */
const MOBILE = /^(?:(?:\+|00)?91|0)?([6-9]\d{9})$/;

/** An Indian mobile number as `+919840012345`, however it is written; undefined for what is none. */
export function mobileFrom(text: string): string | undefined {
  const digits = MOBILE.exec(bareNumber(text))?.[1];
  return digits && `+91${digits}`;
}

/** A PIN code as six digits, however it is written; undefined for what is none. */
export function pincodeFrom(text: string): string | undefined {
  const digits = bareNumber(text);
  return /^[1-9]\d{5}$/.test(digits) ? digits : undefined;
}
