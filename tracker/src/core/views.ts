import type { Properties } from '../types';
import { holds } from './consent';
import { beat } from './engaged';
import { readManifest } from './manifest';
import { read } from './marks';
import { on } from './on';
import { safely } from './safely';
import { resetScroll } from './scroll';
import { send, track } from './send';

/** Routers set the title shortly after the address; several steps in a row are one view. */
const SETTLE = 50;

/** The page view that an event belongs to. */
interface Page {
  url: string;
  path: string;
  referrer: string;
  title: string;
}
export let page: Page | undefined;

/** What has to be told before the page is left; `gone`, if it will not come back. */
export const leaving: ((gone: boolean) => void)[] = [];

export const leave = (gone: boolean): void => leaving.forEach((tell) => tell(gone));

/** Begins a page view: what was measured until now belongs to the one before. */
export const view = (name?: string, properties?: Properties): void => {
  if (!holds()) return;
  leave(true);
  const { href: url, pathname: path } = location;
  page = {
    url,
    path,
    referrer: page ? (page.url === url ? page.referrer : page.url) : document.referrer,
    title: document.title,
  };
  resetScroll();
  beat();
  send('page', { name, properties: { ...page, ...properties } });
  readManifest();
};

/** The address as far as it names a page: `#/cart` is a route, `#reviews` a place within. */
const viewed = (href = ''): string => href.replace(/#(?![/!]).*/, '');

/** What is marked counts once per address: an order is not placed again by coming back. */
export const viewAll = (onlyNew?: boolean): void => {
  const isNew = viewed(location.href) !== viewed(page?.url);
  if (isNew || !onlyNew) view();
  if (isNew)
    for (const element of document.querySelectorAll<HTMLElement>('[data-personalization-view]'))
      track(element.dataset.personalizationView!, read(element));
};

/** Reports when the page has become another one without being loaded. */
export const watchNavigation = (): void => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(safely(() => viewAll(true)), SETTLE);
  };
  const { pushState } = history;
  history.pushState = function (...args) {
    pushState.apply(this, args);
    soon();
  };
  on('popstate hashchange', soon);
  // Shown again from the back/forward cache: nothing is loaded, and yet it is a new view.
  on('pageshow', ({ persisted }) => persisted && viewAll());
};
