/** It can serve as soon as it runs: what pages read is read-api's to be ready for. */
export { GET } from '../livez/+server.js';
