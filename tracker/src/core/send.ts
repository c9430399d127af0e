import type { Properties, Tap } from '../types';
import { config } from './config';
import { holds } from './consent';
import { attachers } from './manifest';
import { push } from './queue';
import { page } from './views';

const uniqueId = (): string =>
  // Pages on plain http have no randomUUID; 128 random bits serve as well.
  crypto.randomUUID?.() ?? crypto.getRandomValues(new Uint32Array(4)).join('-');

const library = { name: 'personalization.js', version: __VERSION__ };

/** @param sample The rate at which events like this one are kept; undefined: all of them. */
export const send = (
  type: string,
  fields: Properties,
  messageId?: string,
  sample?: number,
): void => {
  if (!holds()) return;
  push(
    JSON.stringify({
      type,
      ...fields,
      // What is undefined is not written.
      context: {
        page,
        library,
        userToken: config.user,
        automated: navigator.webdriver || undefined,
        sample,
      },
      timestamp: new Date(),
      messageId: messageId || uniqueId(),
    }),
  );
  (attachers.tap as Tap | undefined)?.(type, fields);
};

export const track = (
  event: string,
  properties: Properties = {},
  options?: { messageId?: string },
): void => send('track', { event, properties }, options?.messageId);
