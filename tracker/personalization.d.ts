/** What `window.personalization` offers once the tracker is there. */

export type Purpose = 'necessary' | 'analytics' | 'personalization' | 'marketing';
export type Properties = Record<string, unknown>;

export interface TrackOptions {
  /** The id that makes the event count once, however often it is sent. */
  messageId?: string;
}

export interface Personalization {
  /** The tracker's version; undefined as long as it is not there. */
  version?: string;
  /** Calls made before the tracker is there: its name, then its arguments. */
  q: { push(call: [name: string, ...args: unknown[]]): void };

  /** The purposes that the visitor agrees to from now on; `[]` stops the tracker. */
  consent(purposes: Purpose[]): void;
  track(event: string, properties?: Properties, options?: TrackOptions): void;
  page(name?: string, properties?: Properties): void;
  identify(userId: string, traits?: Properties): void;
  identify(traits: Properties): void;
  /** Somebody else uses the browser now: sends what waits, and forgets who was logged in. */
  reset(): void;
  productsSearched(search: Properties): void;
  productAdded(product: Properties): void;
  productRemoved(product: Properties): void;
  cartViewed(cart: Properties): void;
  orderCompleted(order: Properties): void;
  /** The door of `tracker-more.js`. */
  extend(make: (...core: any[]) => Record<string, unknown>): void;
}

declare global {
  interface Window {
    personalization?: Personalization;
  }
  interface DocumentEventMap {
    'personalization:consent': CustomEvent<{ purposes: Purpose[] }>;
  }
}
