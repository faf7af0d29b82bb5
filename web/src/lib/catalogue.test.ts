import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nearestTo } from './catalogue.ts';

const catalogue = suite('catalogue');

catalogue('finds what is of the same kind first, and of that what costs about the same', () => {
  const rice = { subcategory: 'Rice', pricePaise: 7_000 };
  const items = [
    { name: 'atta', subcategory: 'Flour', pricePaise: 7_000 },
    { name: 'basmati', subcategory: 'Rice', pricePaise: 15_000 },
    { name: 'ponni', subcategory: 'Rice', pricePaise: 6_800 },
  ];
  const names = nearestTo(rice, items).map(({ name }) => name);
  assert.equal(names, ['ponni', 'basmati', 'atta']);
});

catalogue.run();
