/** States and union territories by the first two digits of a GSTIN. Source: GSTN, state codes. */
export const STATES: Record<string, string> = {
  '01': 'Jammu and Kashmir',
  '02': 'Himachal Pradesh',
  '03': 'Punjab',
  '04': 'Chandigarh',
  '05': 'Uttarakhand',
  '06': 'Haryana',
  '07': 'Delhi',
  '08': 'Rajasthan',
  '09': 'Uttar Pradesh',
  '10': 'Bihar',
  '11': 'Sikkim',
  '12': 'Arunachal Pradesh',
  '13': 'Nagaland',
  '14': 'Manipur',
  '15': 'Mizoram',
  '16': 'Tripura',
  '17': 'Meghalaya',
  '18': 'Assam',
  '19': 'West Bengal',
  '20': 'Jharkhand',
  '21': 'Odisha',
  '22': 'Chhattisgarh',
  '23': 'Madhya Pradesh',
  '24': 'Gujarat',
  '26': 'Dadra and Nagar Haveli and Daman and Diu',
  '27': 'Maharashtra',
  '29': 'Karnataka',
  '30': 'Goa',
  '31': 'Lakshadweep',
  '32': 'Kerala',
  '33': 'Tamil Nadu',
  '34': 'Puducherry',
  '35': 'Andaman and Nicobar Islands',
  '36': 'Telangana',
  '37': 'Andhra Pradesh',
  '38': 'Ladakh',
  '97': 'Other territory',
};

/** Where the other half of the tax is the union territory's: no legislature of its own. */
const WITHOUT_LEGISLATURE = new Set(['04', '26', '31', '35', '38', '97']);

/** State, the holder's PAN, which registration of that holder in the state, Z, check character. */
const GSTIN = /^\d{2}[A-Z]{5}\d{4}[A-Z][1-9A-Z]Z[0-9A-Z]$/;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** Digits count once and twice in turn; of each product both digits to the base of 36 are summed. */
function checkCharacter(body: string): string {
  let sum = 0;
  for (let index = 0; index < body.length; index++) {
    const product = DIGITS.indexOf(body[index]!) * (index % 2 === 0 ? 1 : 2);
    sum += Math.floor(product / DIGITS.length) + (product % DIGITS.length);
  }
  return DIGITS[(DIGITS.length - (sum % DIGITS.length)) % DIGITS.length]!;
}

/** Whether it can be the number of a shop's GST registration: in capitals, check character right. */
export const isGstin = (text: string): boolean =>
  GSTIN.test(text) &&
  stateCodeOf(text) in STATES &&
  text.at(-1) === checkCharacter(text.slice(0, -1));

/** Whether it can be the number of a licence (1…) or a registration (2…) of FSSAI: 14 digits. */
export const isFssai = (text: string): boolean => /^[12]\d{13}$/.test(text);

/** As the portal writes it: people put spaces into it, or small letters. */
export const writtenGstin = (text: string): string => text.replace(/\s/g, '').toUpperCase();

export const stateCodeOf = (gstin: string): string => gstin.slice(0, 2);

/** What the state's half of the tax is called: SGST, or UTGST where the union collects it. */
export const stateTaxName = (gstin: string): string =>
  WITHOUT_LEGISLATURE.has(stateCodeOf(gstin)) ? 'UTGST' : 'SGST';
