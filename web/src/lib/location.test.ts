import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { locate, type Locator } from './location.ts';

const location = suite('location');

const at = (accuracy: number): Locator => ({
  getCurrentPosition: (onPosition) =>
    onPosition({ coords: { latitude: 12.9715987, longitude: 77.5945627, accuracy } }),
});

const failing = (code: number): Locator => ({
  getCurrentPosition: (_, onError) => onError({ code }),
});

const refusal = (locator: Locator): Promise<string> =>
  locate(locator).then(
    () => 'none',
    (error: Error) => error.message,
  );

location('is where the device is, to about a metre', async () => {
  assert.equal(await locate(at(20)), { latitude: 12.9716, longitude: 77.59456 });
});

location('says what happens instead where it is refused, not found, or a guess', async () => {
  assert.match(await refusal(failing(1)), /does not let this page .* PIN code decides instead/);
  assert.match(await refusal(failing(3)), /could not be found.* PIN code decides instead/);
  assert.match(await refusal(at(20_000)), /only roughly .* PIN code decides instead/);
});

location.run();
