// CloudFront runs this at the edge for every request to /api/read/*, before it looks into its cache
// (runtime cloudfront-js-2.0: no imports). It makes one entry of what means the same: a search is
// trimmed and in lower case, parameters stand in one order, empty and unknown ones are dropped.
// The local edge runs this very file.

const PARAMETERS = ['pin', 'category', 'q', 'after', 'limit', 'date'];

// CloudFront calls it by this name.
// oxlint-disable-next-line no-unused-vars
function handler(event) {
  const request = event.request;
  const given = request.querystring;
  const kept = {};
  for (const name of PARAMETERS) {
    const parameter = given[name];
    if (!parameter) continue;
    const value = name === 'q' ? normaliseSearch(parameter.value) : parameter.value;
    if (value !== '') kept[name] = { value: value };
  }
  request.querystring = kept;
  return request;
}

// Values arrive and leave percent-encoded.
function normaliseSearch(encoded) {
  let text;
  try {
    text = decodeURIComponent(encoded.replace(/\+/g, ' '));
  } catch (error) {
    // Not UTF-8: the origin is to say so.
    if (error instanceof URIError) return encoded;
    throw error;
  }
  return encodeURIComponent(text.trim().replace(/\s+/g, ' ').toLowerCase());
}
