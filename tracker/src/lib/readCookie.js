/**
 * @param {string} cookies As `document.cookie` gives them.
 * @param {string} name
 * @returns {string | undefined} The cookie's value; undefined when there is none.
 */
export const readCookie = (cookies, name) => {
  const start = name + '=';
  return cookies
    .split('; ')
    .find((cookie) => cookie.startsWith(start))
    ?.slice(start.length);
};
