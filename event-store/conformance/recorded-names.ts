/** Names, ids and positions of a scenario that is played: symbols outside, the server's inside. */
import { createHash, randomBytes } from 'node:crypto';
import type { Position, RecordedEvent, ResolvedEvent } from '@eventstore/db-client';

export type Json = Record<string, unknown>;
/** What a step came to, as it is recorded. */
export type Answer = { ok?: Json; error?: Json; hangs?: true };

export class Names {
  readonly prefix = `q${randomBytes(6).toString('hex')}-`;
  private readonly ids = new Map<string, string>();
  /** By the commit position the event that was first seen there, and its position by the event. */
  private readonly seen = new Map<bigint, string>();
  private readonly positions = new Map<string, Position>();

  fill(text: string): string {
    return text.replace(/\{(\$*)((?:[a-z][\w-]*)?)\}/g, (_, system: string, symbol: string) =>
      [system, this.prefix, symbol].join(''),
    );
  }

  stream(symbol: string): string {
    if (symbol === '' || symbol === '$all') return symbol;
    if (symbol.includes('{')) return this.fill(symbol);
    return symbol.replace(/^\$*/, (system) => system + this.prefix);
  }

  isOwn = (name: string): boolean => name.includes(this.prefix);

  id(symbol: string): string {
    const hash = createHash('sha256')
      .update(this.prefix + symbol)
      .digest('hex');
    const id = hash.replace(
      /^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/,
      (_, a: string, b: string, c: string, d: string, e: string) => `${a}-${b}-4${c}-8${d}-${e}`,
    );
    this.ids.set(id, symbol);
    return id;
  }

  /** A value as it is recorded: names without the prefix, integers as numbers where safe. */
  plain(value: unknown): unknown {
    if (typeof value === 'bigint')
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    if (typeof value === 'string') return value.replaceAll(this.prefix, '');
    if (Array.isArray(value)) return value.map((each) => this.plain(each));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.plain(each)]));
  }

  /** Notes an event's position. Returns the event that was seen there before. */
  note(position: Position | undefined, stream: string, revision: bigint): string | undefined {
    if (!position) return undefined;
    const label = `${String(this.plain(stream))}/${revision}`;
    const before = this.seen.get(position.commit);
    if (before === undefined) this.seen.set(position.commit, label);
    if (!this.positions.has(label)) this.positions.set(label, position);
    return before;
  }

  positionOf([stream, revision]: [string, number]): Position | undefined {
    return this.positions.get(`${stream}/${revision}`);
  }

  private event(event: RecordedEvent | undefined): unknown[] | null {
    if (!event) return null;
    this.note(event.position, event.streamId, event.revision);
    const id = this.ids.get(event.id) ?? event.type;
    return [this.plain(event.streamId), this.plain(event.revision), id];
  }

  private bytes(data: Uint8Array): Json {
    const [bytes, text] = [Buffer.from(data), Buffer.from(data).toString()];
    if (!Buffer.from(text).equals(bytes)) return { base64: bytes.toString('base64') };
    return { text: this.plain(text) };
  }

  private whole({ streamId, revision, id, type, isJson, ...rest }: RecordedEvent): Json {
    const { data, metadata, position } = rest;
    return {
      stream: this.plain(streamId),
      revision: this.plain(revision),
      id: this.ids.get(id) ?? '*',
      type,
      isJson,
      data: isJson ? this.plain(data) : this.bytes(data as Uint8Array),
      metadata:
        metadata instanceof Uint8Array ? this.bytes(metadata) : (this.plain(metadata) ?? null),
      hasPosition: position !== undefined,
    };
  }

  resolved({ event, link, ...more }: ResolvedEvent, whole = false): unknown {
    if (whole && !link) return this.whole(event!);
    if (whole) return { event: event ? this.whole(event) : null, link: this.whole(link!) };
    const shown = link ? { event: this.event(event), link: this.event(link) } : this.event(event);
    const { retryCount: retry } = more as { retryCount?: number };
    return retry && Array.isArray(shown) ? [...shown, { retry }] : shown;
  }

  error(error: unknown): Answer {
    const shown: Json = { class: (error as Error).constructor.name };
    const fields = ['type', 'code', 'streamName', 'groupName', 'expectedVersion', 'actualVersion'];
    for (const key of [...fields, 'maxAppendSize']) {
      const value = (error as Json)[key];
      if (value !== undefined) shown[key] = this.plain(value);
    }
    return { error: shown };
  }
}
