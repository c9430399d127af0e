/** The shapes that travel between the modules. Nothing here runs. */

export type Properties = Record<string, unknown>;
export type Run = () => void;

/** One event, already JSON: what the page changes later stays out of it. */
export type Item = string;

/** What the server's manifest names: each kind has its own listeners. */
export type Kind =
  | 'scroll'
  | 'engaged'
  | 'hover'
  | 'section'
  | 'video'
  | 'form'
  | 'outbound'
  | 'search';

/** Starts to listen for one kind; called once, when the manifest first names it. */
export interface Attachers {
  [kind: string]: Run | Tap | 0 | undefined;
}

/** What the site's `<script>` element says, in `data-` attributes. */
export interface Config {
  /** Where batches are posted. */
  endpoint: string;
  /** The source's write key. */
  key: string;
  /** Name of the cookie that holds the visitor's answer. */
  consentCookie: string;
  /** The policy version that an answer must be about to count. */
  policy: string;
  /** What the site signed for this visitor: who is logged in. */
  user?: string;
  /** Where the server says what to collect; without it, only what the page states itself. */
  manifest?: string;
  /** The second file, and the hash that it must have. */
  more?: string;
  moreIntegrity?: string;
  /** `ignore`: Global Privacy Control and Do Not Track do not overrule the banner's answer. */
  signals?: string;
  /** Words of what to exchange with other tools: in, out, consent, tcf. */
  bridge?: string;
  /** Where answers are recorded; the bridges of consent and tcf need it. */
  consent?: string;
}

/** What the core shares with the second file. */
export interface Core {
  config: Config;
  /** Listens on the window; nothing thrown reaches the page. */
  on: (types: string, handler: (event: any) => void) => void;
  /** Sends an event of a kind, if the manifest names the kind and the sample has the visitor. */
  collected: (kind: Kind, event: string, properties: Properties) => void;
  track: (event: string, properties?: Properties) => void;
  /** What has to be told before the page is left; `gone`, if it will not come back. */
  leaving: ((gone: boolean) => void)[];
  /** What `data-personalization-properties` of the element says. */
  read: (element: Element) => Properties;
  safely: <A extends unknown[], R>(run: (...args: A) => R) => (...args: A) => R | undefined;
  /** The purposes of the recorded answer; undefined if there is none to the current policy. */
  answer: () => string[] | undefined;
}

/**
 * Given the core by position, whose order is the interface between the two files, the second
 * returns what starts each kind, and as `tap` what hears of each event that goes out.
 */
export type Make = (
  config: Core['config'],
  on: Core['on'],
  collected: Core['collected'],
  track: Core['track'],
  leaving: Core['leaving'],
  read: Core['read'],
  safely: Core['safely'],
  answer: Core['answer'],
) => Attachers;

/** Hears of each event that goes out. */
export type Tap = (type: string, fields: Properties) => void;
