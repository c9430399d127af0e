// Bundles src/ into the one file that the Django app serves.
//   node build.mjs           write it
//   node build.mjs --check   fail if the committed file is not what src/ gives
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const LIMIT = 3072;
const TARGET = fileURLToPath(
  new URL('../personalization/static/personalization/tracker.js', import.meta.url),
);

// `require` and not `import`, so that NODE_PATH may name an esbuild outside this folder.
const require = createRequire(import.meta.url);
const { version } = require('./package.json');

const build = async () => {
  const { buildSync } = require('esbuild');
  const [{ text }] = buildSync({
    absWorkingDir: fileURLToPath(new URL('.', import.meta.url)),
    entryPoints: ['src/index.js'],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: 'es2020',
    charset: 'utf8',
    legalComments: 'none',
    define: { __VERSION__: JSON.stringify(version) },
  }).outputFiles;
  return `/*! personalization tracker ${version} | BSD-3-Clause | built from tracker/src, do not edit */\n${text}`;
};

const built = await build();
const size = gzipSync(built, { level: 9 }).length;
console.log(`tracker.js: ${Buffer.byteLength(built)} bytes, ${size} gzipped (limit ${LIMIT})`);

if (size >= LIMIT) {
  console.error('The tracker is over its limit.');
  process.exit(1);
}
if (!process.argv.includes('--check')) {
  writeFileSync(TARGET, built);
} else if (readFileSync(TARGET, 'utf8') !== built) {
  console.error('The committed tracker.js is not what src/ gives: run `npm run build`.');
  process.exit(1);
}
