import { mobileFrom, pincodeFrom } from '#domain/ordering/recipient.ts';
import { stateOfPincode } from '#domain/stores/pincode-states.ts';
import { isGstin, writtenGstin } from '#domain/stores/gstin.ts';
import type { Address, Buyer, Contact } from './contract.ts';

/** What the shopper typed, as it was typed. */
export type RecipientForm = {
  name: string;
  phone: string;
  line1: string;
  city: string;
  pincode: string;
  /** By code; needed where the PIN code does not tell. */
  state?: string;
  /** Of a business that wants a bill with its GSTIN; empty for a person. */
  gstin?: string;
  legalName?: string;
};

/** Of a shop's GSTIN as of a buyer's. */
export const WRONG_GSTIN = 'Compare its 15 characters: one is wrong.';

export type RecipientErrors = Partial<Record<keyof RecipientForm, string>>;

/** A number as people read it out: `+91 98400 12345`. */
export const phoneText = (phone: string): string =>
  phone.replace(/^(\+91)(\d{5})(\d{5})$/, '$1 $2 $3');

export type CheckedRecipient = { contact: Contact; address: Address; buyer?: Buyer };

/** Who the order is for and where to; or, for each field that is not right, what to do. */
export function checkRecipient(
  form: RecipientForm,
): CheckedRecipient | { errors: RecipientErrors } {
  const name = form.name.trim();
  const line1 = form.line1.trim();
  const city = form.city.trim();
  const pincode = pincodeFrom(form.pincode);
  const phone = mobileFrom(form.phone);

  const { state } = form;

  const errors: RecipientErrors = {};
  if (!name) errors.name = 'Enter your name.';
  if (!phone) errors.phone = 'Enter 10 digits, like 98400 12345.';
  if (!line1) errors.line1 = 'Enter house and street.';
  if (!city) errors.city = 'Enter town or city.';
  if (!pincode) errors.pincode = 'Enter the 6 digits.';
  else if (!state && !stateOfPincode(pincode)) errors.state = 'Choose the state.';
  const gstin = writtenGstin(form.gstin ?? '');
  const legalName = form.legalName?.trim() ?? '';
  if (gstin && !isGstin(gstin)) errors.gstin = WRONG_GSTIN;
  if (gstin && !legalName) errors.legalName = 'Enter the name of the business.';
  if (!phone || !pincode || Object.keys(errors).length > 0) return { errors };

  return {
    contact: { name, phone },
    address: { line1, city, pincode, ...(state && { state }) },
    ...(gstin && { buyer: { gstin, legalName } }),
  };
}
