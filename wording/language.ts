import { historyText } from './en/history.ts';
import { refusalText } from './en/refusals.ts';

/** What is said on a server; pages take the words that they show from a language's folder. */
const ENGLISH = { historyText, refusalText };
export type Language = typeof ENGLISH;

/** By the first part of a language's tag (BCP 47). */
const LANGUAGES: Partial<Record<string, Language>> = { en: ENGLISH };

/**
 * The first language of an `Accept-Language` that there are words in, e.g. `hi-IN,hi;q=0.9,en;q=0.8`;
 * English where there is none. Clients list what they like best first.
 */
export function languageFor(acceptLanguage = ''): Language {
  const tags = acceptLanguage.split(',').map((part) => part.split(/[-;]/)[0]!.trim().toLowerCase());
  const known = tags.find((tag) => Object.hasOwn(LANGUAGES, tag));
  return LANGUAGES[known ?? 'en']!;
}
