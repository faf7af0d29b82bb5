import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { amount, clock, counted, exactRupees, form, joined, rupees } from './words.ts';

const words = suite('English words');

words('counts one by itself, and everything else as many', () => {
  assert.is(counted(1, 'piece', 'pieces'), '1 piece');
  assert.is(counted(0, 'piece', 'pieces'), '0 pieces');
  assert.is(counted(21, 'piece', 'pieces'), '21 pieces');
  assert.is(form(1, 'was', 'were'), 'was');
});

words('joins a list as people say it', () => {
  assert.is(joined([]), '');
  assert.is(joined(['rice']), 'rice');
  assert.is(joined(['rice', 'dal']), 'rice and dal');
  assert.is(joined(['rice', 'dal', 'ghee']), 'rice, dal and ghee');
});

words('tells the time of a minute, past midnight anew', () => {
  assert.is(clock(570), '09:30');
  assert.is(clock(1_440), '00:00');
  assert.is(clock(1_505), '01:05');
});

words('groups digits as India does', () => {
  assert.is(rupees(12_345_600), '₹1,23,456');
  assert.is(rupees(0), '₹0');
});

words('shows paise only where there are paise, and then two digits', () => {
  assert.is(rupees(4950), '₹49.50');
  assert.is(rupees(4905), '₹49.05');
  assert.is(rupees(4900), '₹49');
});

words('a bill’s columns always have paise', () => {
  assert.is(amount(12_345_600), '1,23,456.00');
  assert.is(amount(5), '0.05');
});

words('an account always has paise', () => {
  assert.is(exactRupees(123_400), '₹1,234.00');
});

words.run();
