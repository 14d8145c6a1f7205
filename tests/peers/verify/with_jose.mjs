// The npm package `jose`, over the cases that `cases.py` describes. It alone knows `typ`, so it can
// be asked for an ID token by type as well as by the claims that one must have.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createLocalJWKSet, decodeJwt, errors, jwtVerify } from 'jose'

const EVENT_TYPES = {
  id_token_issue: 'urn:op-listener:event-type:id-token-issued',
  access_token_issue: 'urn:op-listener:event-type:access-token-issued',
  subject_auth_and_consent: 'urn:op-listener:event-type:subject-authenticated-and-consented',
}
const TYP = { set: 'secevent+jwt', jwt: 'JWT', 'at+jwt': 'at+jwt' }
const SWAPPED = { RS256: 'PS256', PS256: 'RS256', ES256: 'EdDSA', EdDSA: 'ES256' }

const now = () => Date.now() / 1000
const whom = (event) => event.subject ?? event.client_id
const tokenClaims = (event) => event.claims ?? event.id_token_claims ?? {}
const percent = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase())

const SUB_ID = {
  iss_sub: (event) => ({ iss: event.issuer, sub: whom(event) }),
  opaque: (event) => ({ id: whom(event) }),
  email: (event) => ({ email: tokenClaims(event).email }),
  account: (event) => ({ uri: `acct:${percent(whom(event))}@example.com` }),
}

function lines(file) {
  return readFileSync(file, 'utf8').split('\n').filter((line) => line.trim()).map((line) => JSON.parse(line))
}

function refuseTokens(value) {
  if (typeof value === 'string') {
    assert.throws(() => decodeJwt(value), errors.JOSEError, `a token inside: ${value}`)
  } else if (value !== null && typeof value === 'object') {
    Object.values(value).forEach(refuseTokens)
  }
}

function checkTime({ iat }) {
  assert(Number.isInteger(iat) && Math.abs(now() - iat) <= 3600, `iat is ${iat}, which is not now`)
}

function checkSet(claims, event, note, { audience, claims: names }) {
  checkTime(claims)
  const known = tokenClaims(event)
  const payload = { client_id: event.client_id }
  if (names !== null) {
    const chosen = names.filter((name) => Object.hasOwn(known, name))
    payload.claims = Object.fromEntries(chosen.map((name) => [name, known[name]]))
  }
  const wanted = {
    iss: event.issuer,
    iat: claims.iat,
    // SETs with another subject identifier than the default are others, so their listener said.
    jti: event.id + (note.sub_id === 'iss_sub' ? '' : `:${note.sub_id}`),
    toe: Math.floor(event.time),
    sub_id: { format: note.sub_id, ...SUB_ID[note.sub_id](event) },
    events: { [EVENT_TYPES[event.type]]: payload },
  }
  if (event.txn !== undefined) wanted.txn = event.txn
  if (audience.length > 0) wanted.aud = audience.length === 1 ? audience[0] : audience
  // Exactly these, so there is no `sub` and no `exp`.
  assert.deepEqual(claims, wanted)
  refuseTokens(claims)
}

function checkPlain(claims, event, note) {
  checkTime(claims)
  const own = note.made === 'jwt' ? { nonce: event.id } : { client_id: event.client_id, jti: event.id }
  assert.deepEqual(claims, {
    iss: event.issuer,
    sub: whom(event),
    aud: event.client_id,
    iat: claims.iat,
    exp: claims.iat + 3600,
    ...own,
  })
}

function withHeader(token, members) {
  const [header, payload, signature] = token.split('.')
  const changed = { ...JSON.parse(Buffer.from(header, 'base64url')), ...members }
  return [Buffer.from(JSON.stringify(changed)).toString('base64url'), payload, signature].join('.')
}

function tampered(token, { algorithm, other_kid }) {
  const [header, payload, signature] = token.split('.')
  const claims = Buffer.from(payload, 'base64url')
  // One digit of `iat`: still JSON, still a claims set, still now.
  const at = claims.indexOf('"iat":') + '"iat":1234567890'.length - 1
  claims[at] = claims[at] === 0x30 ? 0x31 : 0x30
  return {
    'one byte of the payload changed': [header, claims.toString('base64url'), signature].join('.'),
    'the kid of another key': withHeader(token, { kid: other_kid }),
    'a kid that nobody has': withHeader(token, { kid: 'nobody' }),
    'another alg': withHeader(token, { alg: SWAPPED[algorithm] }),
    'alg none, no signature': withHeader(token, { alg: 'none' }).replace(/[^.]*$/, ''),
  }
}

async function run(directory) {
  const spec = JSON.parse(readFileSync(join(directory, 'case.json'), 'utf8'))
  const keys = createLocalJWKSet(JSON.parse(readFileSync(join(directory, 'jwks.json'), 'utf8')))
  const events = new Map(lines(join(directory, 'events.ndjson')).map((event) => [event.id, event]))
  const count = { verified: 0, refused: 0 }

  const refuse = async (what, attempt) => {
    await assert.rejects(attempt, errors.JOSEError, `taken, though ${what}`)
    count.refused += 1
  }
  const asked = (issuer, audience, more) => ({
    algorithms: [spec.algorithm],
    issuer,
    ...(audience.length > 0 && { audience }),
    ...more,
  })
  const ID_TOKEN = {
    'typ JWT': { typ: 'JWT' },
    '`exp`': { requiredClaims: ['exp'] },
    '`sub`': { requiredClaims: ['sub'] },
  }

  const judge = async (note, event) => {
    const isSet = note.made === 'set'
    const audience = isSet ? spec.audience : [event.client_id]
    const options = (more) => asked(event.issuer, audience, more)
    const { payload, protectedHeader } = await jwtVerify(note.token, keys, options({ typ: TYP[note.made] }))
    assert.deepEqual({ ...protectedHeader }, { alg: spec.algorithm, kid: spec.kid, typ: TYP[note.made] })
    if (isSet) checkSet(payload, event, note, spec)
    else checkPlain(payload, event, note)
    count.verified += 1

    for (const [what, more] of Object.entries(ID_TOKEN)) {
      if (isSet) await refuse(`asked for ${what}`, jwtVerify(note.token, keys, options(more)))
      // What refuses SETs takes ID tokens.
      else if (note.made === 'jwt') await jwtVerify(note.token, keys, options(more))
    }
    if (isSet) {
      for (const [what, forged] of Object.entries(tampered(note.token, spec))) {
        await refuse(what, jwtVerify(forged, keys, options({})))
      }
    } else {
      await refuse('no SET', jwtVerify(note.token, keys, options({ typ: TYP.set })))
    }
  }

  for (const note of lines(join(directory, 'tokens.ndjson'))) {
    if (note.token === undefined) continue
    try {
      await judge(note, events.get(note.id))
    } catch (error) {
      throw new Error(`${basename(directory)}: event ${note.id}, ${note.made}`, { cause: error })
    }
  }
  for (const note of lines(join(directory, 'impostor.ndjson'))) {
    if (note.made !== 'set' || note.token === undefined) continue
    const { issuer } = events.get(note.id)
    await refuse('signed by another key', jwtVerify(note.token, keys, asked(issuer, spec.audience, {})))
  }
  console.log(`${basename(directory)}: verified ${count.verified}, refused ${count.refused}`)
}

for (const directory of process.argv.slice(2)) await run(directory)
