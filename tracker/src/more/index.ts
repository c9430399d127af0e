import type { Attachers, Core, Make } from '../types';
import { bridgeIn, bridgeOut } from './bridge';
import { consentMode } from './consentMode';
import { form, search } from './form';
import { hover } from './hover';
import { section } from './section';
import { tcf } from './tcf';
import { video } from './video';

/** What not every page needs. It is loaded when the manifest names one of these kinds. */
const make: Make = (config, on, collected, track, leaving, read, safely, answer) => {
  const core: Core = { config, on, collected, track, leaving, read, safely, answer };
  const attachers: Attachers = {
    hover: hover(core),
    section: section(core),
    video: video(core),
    form: form(core),
    search: search(core),
  };
  const bridge = (config.bridge ?? '').split(' ');
  if (bridge.includes('out')) attachers.tap = safely(bridgeOut);
  if (bridge.includes('in')) bridgeIn(core);
  if (bridge.includes('consent')) consentMode(core);
  if (bridge.includes('tcf')) tcf(core);
  return attachers;
};

window.personalization!.extend(make);
