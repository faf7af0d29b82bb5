import type { Who } from '../platform/route.ts';

/** Who may read what, as long as nobody can sign in; commands have the same in write-api. */

export const anybody: Who = { name: 'anybody', identify: () => undefined };
