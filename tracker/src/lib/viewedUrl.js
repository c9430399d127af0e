/**
 * The address as far as it names a page: `#/cart` and `#!cart` are routes, `#reviews` is a
 * place within the same page.
 *
 * @param {string} href
 */
export const viewedUrl = (href) => href.replace(/#(?![/!]).*/, '');
