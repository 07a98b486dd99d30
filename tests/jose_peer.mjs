// SPDX-License-Identifier: Apache-2.0
// usage: SELFSAME_NPM=DIR node jose_peer.mjs KEY.pem ALG JWE.json   (DIR/node_modules/jose)
// npm jose opens a flattened JWE; exit status 77 where it is not installed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

let jose;
try {
    const require = createRequire(pathToFileURL(`${process.env.SELFSAME_NPM ?? '.'}/x.js`));
    jose = await import(pathToFileURL(require.resolve('jose')));
} catch {
    process.exit(77);
}
const [pem, alg, file] = process.argv.slice(2);
const body = JSON.parse(readFileSync(file, 'utf8'));
const key = await jose.importPKCS8(readFileSync(pem, 'utf8'), alg);
const { plaintext } = await jose.flattenedDecrypt(body.jwe ?? body, key);
process.stdout.write(plaintext);
