import { keep, recall } from './storage.ts';

const PINCODE_KEY = 'doorstep.pincode';

/** The PIN code that this browser last shopped around; null before the first visit to a shop. */
export const rememberedPincode = (): string | null => recall(PINCODE_KEY);

export const rememberPincode = (pincode: string): void => keep(PINCODE_KEY, pincode);
