import { createTracker } from './createTracker.js';
import { install } from './lib/install.js';
import { safely } from './lib/safely.js';
import { whenActivated } from './lib/whenActivated.js';

safely(() => {
  const script = document.currentScript || document.getElementById('personalization-tracker');
  const config = { ...script.dataset };
  whenActivated(
    safely(() => {
      // A page that loads the script twice still counts once.
      if (!window.personalization?.version) install(createTracker(config));
    }),
  );
})();
