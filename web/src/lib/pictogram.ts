/** Beginnings of words in category names, and the picture they stand for. */
const WORDS = {
  drinks: 'tea|coffee|beverage|drink|juice|fruit juice|water|energy|health drink',
  vegetables: 'vegetable|veggie|herb|sprout|salad',
  fruits: 'fruit',
  grains: 'rice|grain|foodgrain|cereal|poha|oats|millet|organic staple|noodle|pasta',
  dals: 'dal|pulse|lentil|bean',
  flours: 'atta|flour|maida|sooji|besan|rava',
  oils: 'oil|edible oil|ghee|vanaspati|vinegar',
  spices: 'masala|spice|chilli|pickle|chutney|sauce|spread|seasoning',
  dairy: 'dairy|milk|curd|paneer|cheese|butter|yogh?urt|ice cream',
  eggs: 'egg',
  snacks: 'snack|namkeen|chips|ready to|frozen',
  biscuits: 'biscuit|cookie|rusk',
  bakery: 'bakery|bread|cake|pastr|cooking & baking',
  sweets: 'sweet|mithai|indian mithai|chocolate|cand|dessert|dry fruit|nuts',
  sugar: 'sugar|jaggery|salt',
  care: 'personal|beauty|hygiene|bath|hair|skin|oral|soap|groom|makeup|fragrance|feminine|men|health',
  household: 'household|clean|detergent|dishwash|pooja|mop|bin|freshener|disposable|stationery',
  baby: 'baby|diaper|mother|feeding',
  fish: 'fish|meat|mutton|chicken|seafood|sausage',
  kitchen: 'kitchen|cookware|crockery|steel|utensil|storage|flask|appliance|bakeware',
  basket: 'tinned',
} as const;

export type Pictogram = keyof typeof WORDS;

const PATTERNS = Object.entries(WORDS).map(
  ([name, words]) => [name as Pictogram, new RegExp(`\\b(?:${words})`)] as const,
);

/** The picture whose word comes first in the text: shopkeepers put the main thing first. */
function firstNamed(text: string): Pictogram | undefined {
  let first: { name: Pictogram; at: number } | undefined;
  for (const [name, pattern] of PATTERNS) {
    const at = text.search(pattern);
    if (at >= 0 && (!first || at < first.at)) first = { name, at };
  }
  return first?.name;
}

/**
 * The picture for a category, which every shop names as it likes. A subcategory says it better
 * where there is one. Whatever nobody thought of gets the basket.
 */
export function pictogramOf(category: string, subcategory: string | null = null): Pictogram {
  const fromSubcategory = subcategory ? firstNamed(subcategory.toLowerCase()) : undefined;
  return fromSubcategory ?? firstNamed(category.toLowerCase()) ?? 'basket';
}
