/** Where read-api answers for a day's till. */
export const tillPath = (storeId: string, date: string): string =>
  `/api/read/stores/${encodeURIComponent(storeId)}/till/${date}`;
