// A receiver of Security Event Tokens (RFC 8935) that verifies them with the npm package `jose`, or
// does with a request what it was told to. What came is appended to a file, a JSON object a line.
//
// The one argument is a JSON file: { "issuer", "audience", "algorithm", "jwks", "record", and "tls":
// { "cert", "key", "ca" } where it is to speak TLS, with "ca" for clients with a certificate of that
// authority alone }. A line on standard input is a plan: what to do with the next requests, before all
// others are verified. Standard error says when it listens, and when a plan was taken.

import { createHash } from 'node:crypto'
import { appendFileSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createInterface } from 'node:readline'
import { createLocalJWKSet, errors, jwtVerify } from 'jose'

const config = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const keys = createLocalJWKSet(JSON.parse(readFileSync(config.jwks, 'utf8')))
const plan = []

class Refusal extends Error {
  constructor(err, description) {
    super(description)
    this.err = err
  }
}

// The codes of RFC 8935 section 2.4.
function codeOf(error) {
  if (error instanceof Refusal) return error.err
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'iss') return 'invalid_issuer'
    if (error.claim === 'aud') return 'invalid_audience'
  }
  if (error instanceof errors.JWKSNoMatchingKey) return 'invalid_key'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'invalid_key'
  return 'invalid_request'
}

function demand(holds, description) {
  if (!holds) throw new Refusal('invalid_request', description)
}

async function verified(request, body) {
  demand(request.method === 'POST', 'not a POST')
  demand(request.headers['content-type'] === 'application/secevent+jwt', 'another Content-Type')
  demand(request.headers.accept === 'application/json', 'another Accept')
  const { payload, protectedHeader } = await jwtVerify(body.toString('latin1'), keys, {
    typ: 'secevent+jwt',
    algorithms: [config.algorithm],
    issuer: config.issuer,
    audience: config.audience,
  })
  demand(!('sub' in payload) && !('exp' in payload), 'it could pass for an ID token')
  demand(typeof payload.jti === 'string' && payload.jti !== '', 'no jti')
  demand(Number.isInteger(payload.iat) && Math.abs(Date.now() / 1000 - payload.iat) < 3600, 'iat is not now')
  demand(typeof payload.sub_id?.format === 'string', 'no sub_id')
  demand(Object.keys(payload.events ?? {}).length === 1, 'not exactly one event')
  return { claims: payload, header: protectedHeader }
}

function refuse(response, error) {
  response.writeHead(400, { 'Content-Type': 'application/json', 'Content-Language': 'en' })
  response.end(JSON.stringify({ err: codeOf(error), description: error.message }))
}

// What a step of a plan does in place of verifying.
const STEPS = {
  answer(request, response, { status, headers, body }) {
    response.writeHead(status, headers ?? {})
    response.end(body ?? '')
  },
  // Receives it, and the answer is lost.
  cut(request) {
    request.socket.destroy()
  },
  hang() {},
  huge(request, response, { status }) {
    response.writeHead(status, { 'Content-Type': 'application/json' })
    const piece = Buffer.alloc(1 << 16, 'x')
    const more = () => {
      while (!response.destroyed && response.write(piece));
      if (!response.destroyed) response.once('drain', more)
    }
    response.on('error', () => {})
    more()
  },
  // A byte now and then: each comes in time, the whole does not.
  slow(request, response, { status }) {
    const text = `HTTP/1.1 ${status} X\r\nX-Slow: ${'x'.repeat(10000)}`
    let at = 0
    const timer = setInterval(() => {
      if (request.socket.destroyed) clearInterval(timer)
      else request.socket.write(text[at++])
    }, 20)
  },
}

async function handle(request, response) {
  const pieces = []
  for await (const piece of request) pieces.push(piece)
  const body = Buffer.concat(pieces)
  const record = {
    method: request.method,
    path: request.url,
    headers: request.headers,
    client: request.socket.getPeerCertificate?.()?.subject?.CN,
    port: request.socket.remotePort,
    sha256: createHash('sha256').update(body).digest('hex'),
  }
  const step = plan.shift()
  try {
    Object.assign(record, await verified(request, body))
  } catch (error) {
    record.err = codeOf(error)
    record.description = error.message
    if (step === undefined) refuse(response, error)
  }
  record.step = step?.do ?? 'verify'
  record.taken = step === undefined && record.err === undefined
  // Written down before the answer: what was answered is in the file.
  appendFileSync(config.record, `${JSON.stringify(record)}\n`)
  if (step !== undefined) STEPS[step.do](request, response, step)
  else if (record.taken) response.writeHead(202).end()
}

function served(request, response) {
  // A connection that breaks while the request is read.
  handle(request, response).catch(() => request.socket.destroy())
}

const read = (file) => file && readFileSync(file)
const server = config.tls
  ? createTlsServer(
      {
        cert: read(config.tls.cert),
        key: read(config.tls.key),
        ca: read(config.tls.ca),
        requestCert: Boolean(config.tls.ca),
        rejectUnauthorized: Boolean(config.tls.ca),
      },
      served,
    )
  : createServer(served)
server.keepAliveTimeout = 60_000
server.on('clientError', (error, socket) => socket.destroy())
server.on('tlsClientError', (error) => console.error(`handshake ${error.code}`))
server.on('connection', () => console.error('connection'))
server.listen(0, '127.0.0.1', () => console.error(`listening ${server.address().port}`))

createInterface({ input: process.stdin })
  .on('line', (line) => {
    plan.push(...JSON.parse(line))
    console.error(`planned ${plan.length}`)
  })
  .on('close', () => process.exit(0))
