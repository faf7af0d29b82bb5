/** This machine's time, for what asks for a clock and is given no other. */
export const wallClock = (): Date => new Date();
