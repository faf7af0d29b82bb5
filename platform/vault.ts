import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { transaction, type Pool } from './postgres.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Postgres's advisory lock of whoever makes the table. */
const SCHEMA_LOCK = 7228;

/** nonce, tag, ciphertext (NIST SP 800-38D); `context` must be the same to open it again. */
function encrypt(key: Buffer, plain: Buffer, context: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

function decrypt(key: Buffer, sealed: Buffer, context: string): Buffer {
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce)
    .setAAD(Buffer.from(context))
    .setAuthTag(tag);
  return Buffer.concat([
    decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)),
    decipher.final(),
  ]);
}

export type Vault = Awaited<ReturnType<typeof openVault>>;

/**
 * Keeps a key for each person, apart from the log: what names a person is in events only under
 * that key, and destroying the key erases the person everywhere, backups of the log included.
 * The keys themselves are stored wrapped by `secret`. This database is not disposable.
 */
export async function openVault(pool: Pool, secret: string) {
  const wrapping = Buffer.from(hkdfSync('sha256', secret, '', 'doorstep vault', KEY_BYTES));
  await transaction(pool, async (connection) => {
    // Two processes that start at once would trip over "if not exists".
    await connection.query('select pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
    await connection.query(`
      create table if not exists person_key (
        person_id uuid primary key,
        wrapped_key bytea not null,
        created_at timestamptz not null default now()
      )`);
  });

  async function keysOf(personIds: string[]): Promise<Map<string, Buffer>> {
    const { rows } = await pool.query<{ person_id: string; wrapped_key: Buffer }>({
      name: 'keys-of',
      text: 'select person_id, wrapped_key from person_key where person_id = any($1)',
      values: [personIds],
    });
    return new Map(
      rows.map((row) => [row.person_id, decrypt(wrapping, row.wrapped_key, row.person_id)]),
    );
  }

  return {
    /** Encrypts a JSON value for a person, whose key is made and on disk before this resolves. */
    async seal(personId: string, value: unknown): Promise<string> {
      await pool.query(
        'insert into person_key (person_id, wrapped_key) values ($1, $2) on conflict do nothing',
        [personId, encrypt(wrapping, randomBytes(KEY_BYTES), personId)],
      );
      // Read back: of two that sealed at once, both use the key that was kept.
      const key = (await keysOf([personId])).get(personId);
      if (!key) throw new Error('a person was erased while their data was sealed');
      return encrypt(key, Buffer.from(JSON.stringify(value)), personId).toString('base64');
    },

    /** Decrypts what `seal` returned, in the order given; null where the person was erased. */
    async openAll<T>(items: { personId: string; sealed: string }[]): Promise<(T | null)[]> {
      if (items.length === 0) return [];
      const keys = await keysOf([...new Set(items.map((item) => item.personId))]);
      return items.map(({ personId, sealed }) => {
        const key = keys.get(personId);
        if (!key) return null;
        return JSON.parse(decrypt(key, Buffer.from(sealed, 'base64'), personId).toString()) as T;
      });
    },
  };
}
