// A receiver that fetches Security Event Tokens (RFC 8936), verifies them with the npm package `jose`
// and the keys that the host publishes, and acknowledges them. Writes the claims of each to standard
// output, a JSON object a line, and ends when it has as many as it wants, all of them acknowledged.
//
// The one argument is a JSON file: { "base", "stream", "token", "issuer", "audience", "algorithm",
// "wanted" }.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const config = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', config.base))

async function poll(body) {
  const answer = await fetch(new URL(config.stream, config.base), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${config.token}` },
    body: JSON.stringify(body),
  })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('content-type'), 'application/json')
  return answer.json()
}

const seen = new Set()
let ack = []
while (seen.size < config.wanted) {
  const { sets } = await poll({ ack, maxEvents: 2 })
  ack = []
  for (const [jti, set] of Object.entries(sets)) {
    const { payload } = await jwtVerify(set, keys, {
      typ: 'secevent+jwt',
      algorithms: [config.algorithm],
      issuer: config.issuer,
      audience: config.audience,
    })
    assert.equal(payload.jti, jti)
    assert(!('sub' in payload) && !('exp' in payload), 'it could pass for an ID token')
    assert.equal(Object.keys(payload.events).length, 1)
    assert(!seen.has(jti), `${jti} came twice`)
    seen.add(jti)
    ack.push(jti)
    console.log(JSON.stringify(payload))
  }
}
const { sets, moreAvailable } = await poll({ ack, maxEvents: 0 })
assert.deepEqual([sets, moreAvailable], [{}, false])
