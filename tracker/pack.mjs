// Puts into dist/ what the npm package is made of: the files as the Django app serves them.
import { copyFileSync, mkdirSync } from 'node:fs';

const here = (path) => new URL(path, import.meta.url);

mkdirSync(here('dist/'), { recursive: true });
for (const name of ['tracker.js', 'tracker-more.js'])
  copyFileSync(here(`../personalization/static/personalization/${name}`), here(`dist/${name}`));
copyFileSync(here('../LICENSE'), here('dist/LICENSE'));
