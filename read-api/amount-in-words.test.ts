import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { amountInWords } from './amount-in-words.ts';

test('amounts read as they are read out in India', () => {
  const amounts: [number, string][] = [
    [0, 'Rupees nil only'],
    [5, 'Paise five only'],
    [100, 'Rupees one only'],
    [1_900, 'Rupees nineteen only'],
    [2_000, 'Rupees twenty only'],
    [23_450, 'Rupees two hundred thirty-four and paise fifty only'],
    [100_000, 'Rupees one thousand only'],
    [1_00_005_50, 'Rupees one lakh five and paise fifty only'],
    [
      12_34_567_89,
      'Rupees twelve lakh thirty-four thousand five hundred sixty-seven and paise eighty-nine only',
    ],
    [1_00_00_000_00, 'Rupees one crore only'],
    [250_00_00_001_00, 'Rupees two hundred fifty crore one only'],
  ];
  for (const [paise, words] of amounts) assert.is(amountInWords(paise), words);
});

test.run();
