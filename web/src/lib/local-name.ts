import type { LocalNames } from './contract.ts';

const LANGUAGES = [
  { lang: 'hi', pincodes: /^[1-4]/ },
  { lang: 'ta', pincodes: /^6[0-4]/ },
] as const;

/**
 * A product's name in the language that most people read around a PIN code: Hindi in the north and
 * west (1 to 4), Tamil in Tamil Nadu (60 to 64). null where there is none, or it is unknown.
 */
export function localName(
  names: LocalNames,
  pincode: string | null,
): { lang: string; text: string } | null {
  const language = LANGUAGES.find(({ pincodes }) => pincodes.test(pincode ?? ''));
  const text = language && names[language.lang];
  return text ? { lang: language.lang, text } : null;
}
