/** A command or an event: what it is called and what it says. */
export type Message<Type extends string = string, Data = unknown> = { type: Type; data: Data };

type Of<M extends Message, Type extends M['type']> = Extract<M, { type: Type }>['data'];

/**
 * The rules of one kind of stream: commands in, events out, and how events make up the state.
 * Pure: no clock, no randomness, no I/O. What a decision needs arrives in the command.
 * Source: Jérémie Chassaing, "Functional Event Sourcing Decider" (2021).
 */
export type Decider<State, Command extends Message, Event extends Message> = {
  /** First part of the stream's name. Never holds a hyphen: the rest of the name begins there. */
  category: string;
  initial: State;
  /** The events that a command causes; none when it changes nothing. Throws `Rejected`. */
  decide: { [Type in Command['type']]: (state: State, data: Of<Command, Type>) => Event[] };
  /** The state after an event. Returns a new value and leaves the old one as it was. */
  evolve: { [Type in Event['type']]: (state: State, data: Of<Event, Type>) => State };
};

/** Every reason for which the domain refuses a command. Stable: clients match on them. */
export type RejectionCode =
  | 'CART_EMPTY'
  | 'CART_CHECKED_OUT'
  | 'CART_CHANGED'
  | 'CART_NOT_FOUND'
  | 'CART_TOO_LARGE'
  | 'CREDIT_ABOVE_INVOICE'
  | 'INVALID_GSTIN'
  | 'INVOICE_NOT_FOUND'
  | 'LISTING_NOT_FOUND'
  | 'ORDER_ALREADY_PLACED'
  | 'ORDER_NOT_FOUND'
  | 'PRICE_ABOVE_MRP'
  | 'STORE_ALREADY_REGISTERED'
  | 'STORE_NOT_FOUND'
  | 'STORE_ORDER_NOT_FOUND'
  | 'WRONG_STATUS';

/** The domain said no. `message` tells a person what is wrong and what to do about it. */
export class Rejected extends Error {
  readonly code: RejectionCode;
  constructor(code: RejectionCode, message: string) {
    super(message);
    this.name = 'Rejected';
    this.code = code;
  }
}
