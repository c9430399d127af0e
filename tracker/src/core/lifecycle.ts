import { holds } from './consent';
import { forgetEngaged } from './engaged';
import { readManifest } from './manifest';
import { watchMarks } from './marks';
import { on } from './on';
import { clear, depart, flush, LEAVE, resume } from './queue';
import { safely } from './safely';
import { leave, page, viewAll, watchNavigation } from './views';

const BEAT = 15_000;

const listenToPage = (): void => {
  watchMarks();
  watchNavigation();
  // Browsers differ in which of the two they send; the second finds nothing left to send.
  on('visibilitychange pagehide', ({ type }) => {
    const gone = type === 'pagehide';
    if (gone || document.hidden) {
      leave(gone);
      if (gone) depart();
      flush(LEAVE);
    } else if (holds()) {
      resume();
      readManifest();
    }
  });
  setInterval(
    safely(() => {
      leave(false);
      if (holds()) readManifest();
    }),
    BEAT,
  );
};

/** Called with the first answer and each one that differs. */
export const onConsent = (granted: boolean): void => {
  if (granted) {
    // Agreed for the first time: there was no view yet.
    if (!page) listenToPage();
    forgetEngaged();
    resume();
    viewAll();
  } else {
    clear();
  }
};
