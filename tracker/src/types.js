/**
 * The shapes that travel between the modules. Nothing here runs.
 *
 * @typedef {Object} Config What the site's `<script>` element says, in `data-` attributes.
 * @property {string} endpoint Where batches are posted.
 * @property {string} key The source's write key.
 * @property {string} consentCookie Name of the cookie that holds the visitor's answer.
 * @property {string} policy The policy version that an answer must be about to count.
 * @property {string} [user] What the site signed for this visitor: who is logged in.
 *
 * @typedef {Object} PageInfo The page view that an event belongs to.
 * @property {string} url
 * @property {string} path
 * @property {string} referrer
 * @property {string} title
 *
 * @typedef {string} Item One event, already JSON: what the page changes later stays out of it.
 *
 * @typedef {'timer' | 'click' | 'leave'} Occasion Why a queue is flushed.
 */
export {};
