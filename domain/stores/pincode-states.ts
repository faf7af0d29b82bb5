import { STATES } from './gstin.ts';

/**
 * Which states and union territories have PIN codes that begin with these three digits, by the code
 * that GST gives them. Digits that stand under several cross a border.
 *
 * Made from the Government of India's list of PIN codes (India Post, data.gov.in, Government Open
 * Data License - India). What it has as "NA" is no state and is left out, as are five of its 19,586
 * codes that lie in a state with which their district has no border, and the Army's post (900).
 * Yanam (533464), which it has under Andhra Pradesh, belongs to Puducherry.
 */
const PREFIXES: Record<string, string> = {
  '01': '180-182 184-185 190-193',
  '02': '171-177',
  '03': '140-148 151-152 160',
  '04': '160',
  '05': '244 246-249 262-263',
  '06': '121-127 131-136',
  '07': '110',
  '08': '301-307 311-314 321-328 331-335 341-345 384',
  '09': '201-212 221-233 241-247 250-251 261-262 271-277 281-285',
  '10': '800-805 811-814 821 823-824 841-848 851-855',
  '11': '737',
  '12': '790-792',
  '13': '797-798',
  '14': '795',
  '15': '796',
  '16': '799',
  '17': '781 793-794',
  '18': '781-788',
  '19': '700 711-713 721-723 731-736 741-743',
  '20': '813-816 818 822 825-829 831-835',
  '21': '751-770',
  '22': '490-497',
  '23': '450-458 460-466 470-477 480-488',
  '24': '360-365 370 380 382-385 387-396',
  '26': '362 396',
  '27': '400-402 410-416 421-425 431 440-445',
  '29': '560-563 570-577 580-587 590-591',
  '30': '403',
  '31': '682',
  '32': '670-671 673 676 678-680 682-683 685-686 688-691 695',
  '33': '600-614 620-632 635-639 641-643',
  '34': '533 605 607 609 673',
  '35': '744',
  '36': '500-509',
  '37': '515-518 520-524 530-535',
  '38': '194',
};

const STATES_OF = new Map<string, string[]>();
for (const [state, ranges] of Object.entries(PREFIXES)) {
  for (const range of ranges.split(' ')) {
    const [from, to = from] = range.split('-').map(Number);
    for (let prefix = from!; prefix <= to!; prefix++) {
      STATES_OF.set(`${prefix}`, [...(STATES_OF.get(`${prefix}`) ?? []), state]);
    }
  }
}

/** The states that goods can be brought to, by code: all that have a PIN code. */
export const PLACES: readonly string[] = Object.keys(PREFIXES).toSorted();

/** The states, by code, in which a PIN code may lie: none where nobody knows its first digits. */
export const statesOfPincode = (pincode: string): readonly string[] =>
  STATES_OF.get(pincode.slice(0, 3)) ?? [];

/** The state, by code, in which a PIN code lies; null where its first digits cross a border. */
export function stateOfPincode(pincode: string): string | null {
  const [state, ...others] = statesOfPincode(pincode);
  return state !== undefined && others.length === 0 ? state : null;
}

const CODES = new Map(PLACES.map((code) => [STATES[code]!.toLowerCase(), code]));

/** A state's code, of its code or its name; undefined for what is neither. */
export const stateFrom = (text: string): string | undefined => {
  const said = text.trim().toLowerCase();
  return PLACES.find((code) => code === said) ?? CODES.get(said);
};
