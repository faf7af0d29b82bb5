import { keep, recall } from './storage.ts';

const passKey = (storeId: string): string => `doorstep.pass.${storeId}`;

/**
 * The pass with which this device sees whom a shop's orders are for, moves its money and ends its
 * orders; null when signed out.
 */
export const passOf = (storeId: string): string | null => recall(passKey(storeId));

export const signIn = (storeId: string, pass: string): void => keep(passKey(storeId), pass);

export const signOut = (storeId: string): void => keep(passKey(storeId), null);

/** A pass names its shop before the last dot; one of another shop opens nothing here. */
export const isPassOf = (storeId: string, pass: string): boolean =>
  pass.startsWith(`${storeId}.`) && pass.length > storeId.length + 1;

/** The pass in the fragment of a sign-in link (`#pass=…`), which never reaches a server. */
export const passInFragment = (hash: string): string | null =>
  new URLSearchParams(hash.replace(/^#/, '')).get('pass');
