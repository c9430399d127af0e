// Bundles src/ into the two files that the Django app serves.
//   node build.mjs           write them
//   node build.mjs --check   fail if the committed files are not what src/ gives
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const LIMIT = 3072;
const FILES = { 'tracker.js': 'src/core/index.ts', 'tracker-more.js': 'src/more/index.ts' };
const FOLDER = new URL('../personalization/static/personalization/', import.meta.url);

// `require` and not `import`, so that NODE_PATH may name tools outside this folder.
const require = createRequire(import.meta.url);
const { version } = require('./package.json');

const bundle = (entry) => {
  const { buildSync } = require('esbuild');
  const [{ text }] = buildSync({
    absWorkingDir: fileURLToPath(new URL('.', import.meta.url)),
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2020',
    charset: 'utf8',
    legalComments: 'none',
    define: { __VERSION__: JSON.stringify(version) },
  }).outputFiles;
  return text;
};

const build = async (name) => {
  const { minify } = require('terser');
  const { code } = await minify(bundle(FILES[name]), {
    ecma: 2020,
    module: true,
    toplevel: true,
    compress: { passes: 5, pure_getters: true, unsafe: true, unsafe_arrows: true, unsafe_methods: true },
  });
  // One closure: nothing of it is a global of the page.
  const closed = `(()=>{${code.replace(/;$/, '')}})();`;
  return `/*! personalization ${name.replace('.js', '')} ${version} | BSD-3-Clause */\n${closed}\n`;
};

const writes = !process.argv.includes('--check');
for (const name of Object.keys(FILES)) {
  const built = await build(name);
  const size = gzipSync(built, { level: 9 }).length;
  console.log(`${name}: ${Buffer.byteLength(built)} bytes, ${size} gzipped (limit ${LIMIT})`);
  const target = new URL(name, FOLDER);
  if (size > LIMIT) {
    console.error(`${name} is over its limit.`);
    process.exitCode = 1;
  } else if (writes) {
    writeFileSync(target, built);
  } else if (readFileSync(target, 'utf8') !== built) {
    console.error(`The committed ${name} is not what src/ gives: run \`npm run build\`.`);
    process.exitCode = 1;
  }
}
