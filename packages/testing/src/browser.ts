/** What tests in a browser need: nothing of Node. */
export { decoderSession } from './decoder-session.js';
export { type OfficialDistance, officialDistance } from './official-answers.js';
