import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MONEY_ROWS, paymentNote, refundFailureText } from './payments.ts';

const words = suite('payments');

words('says why money did not go back, in the gateway’s words where there are none of ours', () => {
  assert.is(refundFailureText('refund.failed'), 'the customer’s bank did not take it');
  assert.is(refundFailureText('Too small'), 'Razorpay says “Too small”');
});

words('calls the rows of an order’s money and the payment itself by name', () => {
  assert.is(MONEY_ROWS['in-the-end'], 'Costs you in the end');
  assert.is(paymentNote('1ABCDE'), 'Order 1ABCDE');
});

words.run();
