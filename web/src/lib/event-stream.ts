/** One message of a server-sent event stream. */
export type StreamEvent = { event: string; data: string };

/** More than any board is; a stream without line ends must not fill the phone's memory. */
const MAX_BUFFER_CHARS = 4 * 1024 * 1024;

/**
 * Reads `text/event-stream` in pieces of any size (WHATWG HTML, 9.2.6), without `id` and `retry`,
 * which nobody here uses. The browser's own EventSource cannot send a header, and the shop's pass
 * travels in one.
 * Returns a function that takes the next piece and gives the messages that it completed.
 * Throws RangeError when a message grows beyond all reason.
 */
export function eventStreamParser(): (text: string) => StreamEvent[] {
  let buffer = '';
  let event = '';
  let data: string[] = [];

  function readLine(line: string): StreamEvent | undefined {
    if (line === '') {
      const message = data.length
        ? { event: event || 'message', data: data.join('\n') }
        : undefined;
      event = '';
      data = [];
      return message;
    }
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
    return undefined;
  }

  return (text) => {
    buffer += text;
    const messages: StreamEvent[] = [];
    // A carriage return at the very end may be half of a CRLF: it waits for the next piece.
    for (let end; (end = /\r\n|\n|\r(?!$)/.exec(buffer));) {
      const message = readLine(buffer.slice(0, end.index));
      if (message) messages.push(message);
      buffer = buffer.slice(end.index + end[0].length);
    }
    if (buffer.length > MAX_BUFFER_CHARS) throw new RangeError('A live message is too long.');
    return messages;
  };
}
