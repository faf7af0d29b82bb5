import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Rejected } from '../rejection.ts';
import { given } from '../../test/given.ts';
import {
  upiReference,
  upiTransferText,
  type UpiReferenceCommand,
  type UpiReferenceEvent,
} from './upi-reference.ts';

const transfer = { vpa: 'kirana@okbank', utr: '426100123456' };
const use = (paymentId: string): UpiReferenceCommand => ({
  type: 'UseUpiReference',
  data: { ...transfer, paymentId },
});
const used: UpiReferenceEvent = { type: 'UpiReferenceUsed', data: { ...transfer, paymentId: 'a' } };

test('a transfer is used for a payment, and for it again without another event', () => {
  given(upiReference).when(use('a')).gives(used);
  given(upiReference, used).when(use('a')).gives();
});

test('for another payment it is refused', () => {
  given(upiReference, used).when(use('b')).rejected('UPI_REFERENCE_USED');
});

test('whoever names it in whatever order, it pays for one payment: that of the first', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }), (names) => {
      const past: UpiReferenceEvent[] = [];
      for (const name of names) {
        try {
          past.push(...given(upiReference, ...past).decide(use(name)));
        } catch (error) {
          assert.instance(error, Rejected);
          assert.is.not(name, names[0]);
        }
      }
      assert.equal(
        past.map(({ data }) => data.paymentId),
        [names[0]],
      );
    }),
  );
});

test('an address is the same however it is written, and another one has its own transfers', () => {
  const text = upiTransferText(transfer);
  assert.is(upiTransferText({ ...transfer, vpa: 'Kirana@OKbank' }), text);
  assert.is.not(upiTransferText({ ...transfer, vpa: 'other@okbank' }), text);
});

test.run();
