// SPDX-License-Identifier: Apache-2.0
// node check.mjs DIR ISSUER AUDIENCE NONCE < tokens, one a line: NAME TOKEN
// Prints for each what jose says of it, after openid-client has discovered the issuer.
// DIR has node_modules.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [dir, issuer, audience, nonce] = process.argv.slice(2)
const require = createRequire(dir + '/x.js')
const load = (name) => import(pathToFileURL(require.resolve(name)))
const { createRemoteJWKSet, jwtVerify } = await load('jose')
const client = await load('openid-client')

const config = await client.discovery(new URL(issuer), 'relying-party')
const metadata = config.serverMetadata()
console.log('discovered', metadata.issuer)
const keys = createRemoteJWKSet(new URL(metadata.jwks_uri))
for (const line of readFileSync(0, 'utf8').trim().split('\n')) {
  const [name, token] = line.split(' ')
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      issuer, audience, typ: 'JWT', requiredClaims: ['sub', 'aud', 'exp', 'iat', 'nbf', 'jti', 'eat_nonce'],
      algorithms: ['RS256', 'ES256'],
    })
    const fresh = payload.eat_nonce === nonce
    console.log(name, fresh ? 'accepted' : 'wrong-nonce', protectedHeader.alg, payload.ear_status)
  } catch (e) {
    console.log(name, e.code)
  }
}
