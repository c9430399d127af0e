import type { Config } from '../types';

export const script = (document.currentScript ||
  document.getElementById('personalization-tracker')) as HTMLScriptElement | null;

/** What the page says about the tracker. */
export const config = (script ? script.dataset : {}) as unknown as Config;
