import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { filterExpression } from './filter-expression.ts';

const test = suite('filters are regular expressions of .NET');

const CASES: [pattern: string, finds: string[], passes: string[]][] = [
  ['rde', ['Order'], ['ORDER']],
  ['(?i)^order$', ['Order', 'ORDER'], ['Orders']],
  ['a(?i)b|c', ['aB', 'C'], ['AB', 'b']],
  ['(?i:o)rder', ['Order', 'order'], ['oRDER']],
  ['(?i)a(?-i)b', ['Ab'], ['aB']],
  ['(?x) ^ Or der $ # all of it', ['Order'], ['Or der']],
  ['O(?# a note)rder', ['Order'], ['O']],
  ['^[A-Z-[P]]', ['Order'], ['Pay', 'order']],
  ['^[^a-z-[O]]+$', ['PAY'], ['OPAY', 'pay']],
  ['^[]a-]+$', [']-a'], ['b']],
  ['[a-z&&[b]]', ['&]', 'a]'], ['a']],
  ['^\\p{Lu}\\w+$', ['Öl', 'Straße'], ['öl', 'Ö-l']],
  ['^\\d$', ['7', '٣', '७'], ['x']],
  ['^\\w$', ['é', 'क', '_'], ['-']],
  ['^\\s$', ['\u0085', '\u00a0'], ['\ufeff']],
  ['\\bदुकान\\b', ['एक दुकान'], ['दुकानें']],
  ['^(?>Or|Ord)er$', [], ['Order']],
  ['^(?>Ord|Or)er$', ['Order'], ['Orer!']],
  ['\\AOrder\\z', ['Order'], ['Order\n']],
  ['^Order$', ['Order', 'Order\n'], ['Order\nPay']],
  ['^Order\\Z', ['Order\n'], ['Order\n\n']],
  ['(?m)^Pay$', ['Order\nPay\nOrder'], ['Order Pay']],
  ['a.b', ['a\rb'], ['a\nb']],
  ['(?s)a.b', ['a\nb'], ['ab']],
  ['^(?<c>.).*\\k<c>$', ['abca'], ['abcd']],
  ["^(?'c'.)\\1$", ['aa'], ['ab']],
  ['^(?<c>.)(.)\\1\\2$', ['abba'], ['abab']],
  ['^(a)(?n)(b)\\1$', ['aba'], ['abb']],
  ['(?<=O)rder', ['Order'], ['order']],
  ['^a{2}b{,3}$', ['aab{,3}'], ['aabb']],
  ['^\\x41\\u0042\\e?\\07?$', ['AB'], ['ABC']],
  ['^[\\x41-\\x43\\]]+$', ['AB]'], ['D']],
  ['a-b/c', ['a-b/c'], ['a/c']],
];

for (const [pattern, finds, passes] of CASES)
  test(pattern, () => {
    for (const text of finds) assert.ok(filterExpression(pattern).test(text), `finds ${text}`);
    for (const text of passes) assert.not.ok(filterExpression(pattern).test(text), `not ${text}`);
  });

test('what is no expression is refused, and so is what there is no word for here', () => {
  for (const pattern of [
    '(',
    ')',
    '[a',
    'a**',
    '*',
    '\\',
    '\\y',
    '[\\w-a]',
    '\\k<none>',
    '(?<a-b>c)',
    '(?(a)b|c)',
    '\\p{IsGreek}',
    '[a-[b]c]',
  ])
    assert.throws(() => filterExpression(pattern), undefined, pattern);
});

test.run();
