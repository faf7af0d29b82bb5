/** The process answers, so it can serve: what pages read is read-api's to be healthy about. */
export const GET = () => Response.json({ ok: true }, { headers: { 'cache-control': 'no-store' } });
