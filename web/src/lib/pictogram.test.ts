import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pictogramOf } from './pictogram.ts';

const pictogram = suite('pictogram');

pictogram('finds the picture whatever a shop calls its shelf', () => {
  const expected = {
    Vegetables: 'vegetables',
    'Fresh Fruits': 'fruits',
    'Rice & grains': 'grains',
    'Dals & Pulses': 'dals',
    'Atta, Flours & Sooji': 'flours',
    'Edible Oils & Ghee': 'oils',
    'Masalas & Spices': 'spices',
    'Dairy & eggs': 'dairy',
    'Snacks & Namkeen': 'snacks',
    'Biscuits & Cookies': 'biscuits',
    'Bakery, Cakes & Dairy': 'bakery',
    Beverages: 'drinks',
    'Indian Mithai': 'sweets',
    'Salt, Sugar & Jaggery': 'sugar',
    'Beauty & Hygiene': 'care',
    'Cleaning & Household': 'household',
    'Baby Care': 'baby',
    'Fish & Seafood': 'fish',
    'Cookware & Non Stick': 'kitchen',
  };
  for (const [category, name] of Object.entries(expected)) {
    assert.is(pictogramOf(category), name, category);
  }
});

pictogram('takes the first of several things in a name', () => {
  assert.is(pictogramOf('Fruits & Vegetables'), 'fruits');
  assert.is(pictogramOf('Eggs, Meat & Fish'), 'eggs');
  assert.is(pictogramOf('Baby Bath & Hygiene'), 'baby');
});

pictogram('believes the subcategory before the category', () => {
  assert.is(pictogramOf('Foodgrains, Oil & Masala', 'Dals & Pulses'), 'dals');
  assert.is(pictogramOf('Dairy & eggs', 'Something new'), 'dairy');
});

pictogram('does not find words inside of other words', () => {
  assert.is(pictogramOf('Steaming pots'), 'basket');
});

pictogram('has a basket for what nobody thought of', () => {
  assert.is(pictogramOf('Curiosities'), 'basket');
  assert.is(pictogramOf(''), 'basket');
});

pictogram.run();
