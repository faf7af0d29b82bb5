/**
 * What one address may ask for until people sign in, and what is taken from all together. Whole
 * towns share a carrier's address: 2,000 shoppers behind one, who each look twice at a price and
 * then follow an order, are within these. So what one shopper may do is counted by what they ask
 * for as well.
 */
export const LIMITS = {
  stores: { by: 'address', rate: { burst: 60, perMinute: 1 } },
  quotes: { by: 'address', rate: { burst: 5_000, perMinute: 2_400 } },
  quotesOfCart: { by: 'address-and-url', rate: { burst: 30, perMinute: 20 } },
  imports: { by: 'address', rate: { burst: 60, perMinute: 6 }, atOnce: 6 },
  /** Each may be 1 GiB on this disk. */
  importsOfAll: { by: 'everybody', atOnce: 8 },
  streams: { by: 'address', atOnce: 2_500 },
  /** A change of a page is read once, and sent to each that follows it. */
  streamsOfPage: { by: 'address-and-url', atOnce: 50 },
} as const;
