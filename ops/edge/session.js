// CloudFront runs this at the edge for POST /api/write/session (runtime cloudfront-js-2.0): it makes a
// guest's session, or makes the one that the browser has last longer, without a trip to an origin.
// platform/session.ts proves what is made here, and makes the same where this cannot: whatever is
// out of the ordinary goes on to write-api. The local edge runs this very file.

import cf from 'cloudfront';
import crypto from 'crypto';

const NAME = '__Host-session';
const LIFETIME_S = 180 * 24 * 60 * 60;
const VERSION = '1';
const ID_LENGTH = 22;
const MAC_LENGTH = 22;
const KEY_ID_LENGTH = 8;

const store = cf.kvs();

// CloudFront calls it by this name.
// oxlint-disable-next-line no-unused-vars
async function handler(event) {
  const request = event.request;
  const site = request.headers['sec-fetch-site'];
  if (request.method !== 'POST' || !site || site.value !== 'same-origin') return request;
  let kept;
  try {
    kept = await store.get('session-secrets');
  } catch (error) {
    console.log('the key store does not answer', error);
    return request;
  }
  // The newest first: that one makes sessions.
  const secrets = kept.split(',');
  const nowS = Math.floor(Date.now() / 1000);
  const id =
    idAmong(tokensOf(request.cookies), secrets, nowS) || newId(secrets[0], event.context.requestId);
  const text = `${VERSION}.${keyIdOf(secrets[0])}.${nowS + LIFETIME_S}.${id}`;
  const attributes = `Max-Age=${LIFETIME_S}; Path=/; Secure; HttpOnly; SameSite=Lax`;
  return {
    statusCode: 204,
    statusDescription: 'No Content',
    headers: { 'cache-control': { value: 'no-store' } },
    cookies: { [NAME]: { value: `${text}.${mac(secrets[0], text)}`, attributes: attributes } },
  };
}

function keyIdOf(secret) {
  return crypto.createHash('sha256').update(secret).digest('hex').slice(0, KEY_ID_LENGTH);
}

// There is no randomness here: the request's own id is one of a kind, and nobody chooses it.
function newId(secret, requestId) {
  return hmac(secret, `id.${requestId}`).slice(0, ID_LENGTH);
}

// CloudFront's pages say of names both that they keep their case and that they are in lower case.
function tokensOf(cookies) {
  const given = cookies[NAME] || cookies[NAME.toLowerCase()];
  if (!given) return [];
  return given.multiValue ? given.multiValue.map((each) => each.value) : [given.value];
}

// Of the first that proves, as platform/session.ts has it.
function idAmong(tokens, secrets, nowS) {
  for (const token of tokens) {
    const id = idIn(token, secrets, nowS);
    if (id) return id;
  }
  return '';
}

// The guest's id in a session that was made here; empty in anything else.
function idIn(token, secrets, nowS) {
  const parts = token.split('.');
  const secret = secrets.find((each) => keyIdOf(each) === parts[1]);
  if (parts.length !== 5 || parts[0] !== VERSION || !secret || !(Number(parts[2]) > nowS))
    return '';
  return mac(secret, parts.slice(0, 4).join('.')) === parts[4] ? parts[3] : '';
}

function mac(secret, text) {
  return hmac(secret, text).slice(0, MAC_LENGTH);
}

function hmac(secret, text) {
  return crypto.createHmac('sha256', secret).update(text).digest('base64url');
}
