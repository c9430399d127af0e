import type { Core } from '../types';
import { record } from './record';

/** What the API of a consent tool says of a visitor, as far as it matters here. */
interface TCData {
  eventStatus?: string;
  tcString?: string;
}
type TCApi = (
  command: 'addEventListener',
  version: 2,
  hear: (data: TCData, ok: boolean) => void,
) => void;

/**
 * Has TC strings of another tool recorded on our server, which reads them. A choice counts when
 * it is made; one of earlier, which is told on every page, if there is no answer here yet.
 */
export const tcf = ({ config, answer, safely }: Core): void =>
  (window as { __tcfapi?: TCApi }).__tcfapi?.(
    'addEventListener',
    2,
    safely(({ eventStatus, tcString }: TCData, ok: boolean) => {
      const isNew = eventStatus === 'useractioncomplete' || (eventStatus === 'tcloaded' && !answer());
      if (ok && tcString && config.consent && isNew)
        record(config.consent, { tcf: tcString }).catch(() => {});
    }),
  );
