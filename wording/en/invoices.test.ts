import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { amountInWords, creditReason, dateText, KINDS } from './invoices.ts';

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

test('a date is the day that it names, wherever the reader is', () => {
  assert.is(dateText('2026-11-21'), '21 Nov 2026');
  assert.is(dateText('2026-04-01'), '1 Apr 2026');
});

test('a paper is called what the law calls it, and a credit says why', () => {
  assert.is(KINDS['bill-of-supply'], 'Bill of supply');
  assert.is(creditReason('wrong-item'), 'Wrong item');
  assert.is(creditReason('by-hand'), 'by-hand', 'a reason that has no words stands as it is');
});

test.run();
