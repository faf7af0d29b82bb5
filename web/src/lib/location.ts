import type { Coordinates } from '#domain/stores/delivery.ts';

const TIMEOUT_MS = 10_000;
const MAX_AGE_MS = 60_000;
/** Beyond that a fee by distance would be a guess: a computer knows only about its town. */
const MAX_INACCURACY_METRES = 1_000;
/** Five decimals of a degree are about a metre. */
const DEGREE_PARTS = 100_000;
/** GeolocationPositionError.PERMISSION_DENIED */
const PERMISSION_DENIED = 1;

const INSTEAD = 'Your PIN code decides instead.';

type Position = { coords: { latitude: number; longitude: number; accuracy: number } };

/** What of the browser's `navigator.geolocation` is needed here. */
export type Locator = {
  getCurrentPosition(
    onPosition: (position: Position) => void,
    onError: (error: { code: number }) => void,
    options: PositionOptions,
  ): void;
};

const rounded = (degrees: number): number => Math.round(degrees * DEGREE_PARTS) / DEGREE_PARTS;

/**
 * Where this device is, to a metre or so. Asks the person, where the browser has not done so yet.
 * Rejects in words for them: refused, not found, or too roughly.
 */
export async function locate(locator: Locator): Promise<Coordinates> {
  const { latitude, longitude, accuracy } = await positionOf(locator);
  if (accuracy > MAX_INACCURACY_METRES) {
    throw new Error(`This device knows only roughly where you are. ${INSTEAD}`);
  }
  return { latitude: rounded(latitude), longitude: rounded(longitude) };
}

const positionOf = (locator: Locator): Promise<Position['coords']> =>
  new Promise((resolve, reject) => {
    locator.getCurrentPosition(
      ({ coords }) => resolve(coords),
      ({ code }) => {
        const why =
          code === PERMISSION_DENIED
            ? 'Your browser does not let this page see where you are.'
            : 'Where you are could not be found.';
        reject(new Error(`${why} ${INSTEAD}`));
      },
      { enableHighAccuracy: true, timeout: TIMEOUT_MS, maximumAge: MAX_AGE_MS },
    );
  });
