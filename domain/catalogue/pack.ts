/** How much is in a pack, as far as its text says: `count` times `amount` of a unit. */
export type PackSize = { count: number; amount: number; unit: PackUnit };
export type PackUnit = 'g' | 'ml' | 'piece';

/** What one gram, kilogram, millilitre, litre or piece of an article costs, in paise. */
export type UnitPrice = { paise: number; per: 'g' | 'kg' | 'ml' | 'l' | 'piece' };

/** What people write for a unit, and how many of ours that is. */
const UNITS: [names: string, unit: PackUnit, amount: number][] = [
  ['kg kgs kilo kilos kilogram kilograms किलो किग्रा கிலோ', 'g', 1_000],
  ['g gm gms gr gram grams ग्राम கிராம்', 'g', 1],
  ['mg', 'g', 0.001],
  ['l lt ltr ltrs lit litre litres liter liters लीटर லிட்டர்', 'ml', 1_000],
  ['ml mls millilitre millilitres milliliter', 'ml', 1],
  ['cl', 'ml', 10],
  ['pc pcs pce piece pieces nos no unit units u n tablet tablets sachet sachets', 'piece', 1],
  ['dozen dozens doz dz', 'piece', 12],
];

const UNIT_OF = new Map(
  UNITS.flatMap(([names, unit, amount]) =>
    names.split(' ').map((name) => [name, { unit, amount }] as const),
  ),
);

const NUMBER = String.raw`(\d+(?:\.\d+)?|\.\d+)`;
const UNIT = String.raw`([\p{L}\p{M}]+)\.?`;
/** `1kg`, `500 g` */
const ONE = new RegExp(`^${NUMBER} ?${UNIT}$`, 'u');
/** `2 x 500 g`, `2*500g` */
const COUNT_FIRST = new RegExp(String.raw`^(\d+) ?[x*×] ?${NUMBER} ?${UNIT}$`, 'u');
/** `500 g x 2`, `500 g (pack of 2)` */
const COUNT_LAST = new RegExp(
  String.raw`^${NUMBER} ?${UNIT} ?(?:[x*×] ?(\d+)|\(? ?(?:pack|set) of (\d+) ?\)?)$`,
  'u',
);
/** `pack of 6`: of 6 pieces */
const PACK_OF = /^(?:pack|set) of (\d+)$/;

/** Below a thousandth of a gram, or above a tonne: whatever it says, it is no pack. */
const LEAST_AMOUNT = 0.001;
const MOST_AMOUNT = 1_000_000;
const MOST_COUNT = 10_000;

function sizeOf(count: string, amount: string, name: string): PackSize | null {
  const known = UNIT_OF.get(name);
  if (!known) return null;
  // Thousandths, so that 1.1 kg is 1,100 g to the gram.
  const size = { count: Number(count), amount: round(Number(amount) * known.amount) };
  const isPack =
    size.count >= 1 &&
    size.count <= MOST_COUNT &&
    size.amount >= LEAST_AMOUNT &&
    size.amount <= MOST_AMOUNT &&
    (known.unit !== 'piece' || Number.isInteger(size.amount));
  return isPack ? { ...size, unit: known.unit } : null;
}

const round = (amount: number): number => Math.round(amount * 1_000) / 1_000;

/**
 * Reads the text of a pack: `1kg` is 1,000 g, `2 x 500 g` twice 500 g, `1 dozen` 12 pieces. Null for
 * what says no amount, or not of what: `1000` may be grams or millilitres, and nobody is to guess.
 */
export function readPack(text: string | null): PackSize | null {
  const plain = (text ?? '')
    .toLowerCase()
    .replace(/(\d),(?=\d{3}(?!\d))/g, '$1')
    .replace(/\s+/g, ' ')
    .trim();
  const one = ONE.exec(plain);
  if (one) return sizeOf('1', one[1]!, one[2]!);
  const first = COUNT_FIRST.exec(plain);
  if (first) return sizeOf(first[1]!, first[2]!, first[3]!);
  const last = COUNT_LAST.exec(plain);
  if (last) return sizeOf((last[3] ?? last[4])!, last[1]!, last[2]!);
  const pieces = PACK_OF.exec(plain);
  return pieces ? sizeOf('1', pieces[1]!, 'piece') : null;
}

/** Whether a pack is a number without a unit: its shop knows of what, and nobody else. */
export const lacksUnit = (pack: string | null): boolean => /^\s*[\d.,]+\s*$/.test(pack ?? '');

const LARGE = { g: 'kg', ml: 'l' } as const;

/**
 * The unit sale price of a pack, in whole paise, rounded half up: by the gram or millilitre below one
 * kilogram or litre, and by those from there on.
 * Source: Legal Metrology (Packaged Commodities) Rules 2011, rule 6(11), as amended in 2021.
 */
export function unitPriceOf(pricePaise: number, { count, amount, unit }: PackSize): UnitPrice {
  const all = count * amount;
  if (unit === 'piece') return { paise: Math.round(pricePaise / all), per: unit };
  if (all < 1_000) return { paise: Math.round(pricePaise / all), per: unit };
  return { paise: Math.round((pricePaise * 1_000) / all), per: LARGE[unit] };
}
