/** Pieces of JSON schemas, so that every answer tells types and units in the same words. */

export type Schema = Record<string, unknown>;

/** An object of which nothing is missing but what is `optional`. */
export const object = (
  properties: Record<string, Schema>,
  optional: Record<string, Schema> = {},
): Schema => ({
  type: 'object',
  required: Object.keys(properties),
  properties: { ...properties, ...optional },
});

/** What a request may say, and nothing else; all of it, unless `required` names less. */
export const bodyOf = (
  properties: Record<string, Schema>,
  required = Object.keys(properties),
): Schema => ({ ...object(properties), required, additionalProperties: false });

/** The body of a command whose address says it all. */
export const noBody = { type: ['object', 'null'], additionalProperties: false } as const;

export const list = (items: Schema, description?: string): Schema => ({
  type: 'array',
  items,
  ...(description && { description }),
});

export const orNull = (schema: Schema, description?: string): Schema => ({
  ...schema,
  type: [schema.type, 'null'],
  ...(description && { description }),
});

export const text = { type: 'string' } as const;
export const count = { type: 'integer', minimum: 0 } as const;
/** Bare: the format also takes a URN, which would name another stream. */
export const uuid = { type: 'string', format: 'uuid', pattern: '^(?![Uu][Rr][Nn]:)' } as const;
export const time = { type: 'string', description: 'RFC 3339, UTC' } as const;

/** RFC 9457. */
export const problem = {
  description: 'What is wrong and what to do about it',
  ...object({ type: text, title: text, status: count, code: text, detail: text }),
  additionalProperties: true,
};
