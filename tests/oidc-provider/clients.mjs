// The clients that both the provider and the client's side know.

const REDIRECT_URI = 'https://rp.example.com/cb'

/** What all have in common. */
function client(client_id, more) {
  return {
    client_id,
    client_secret: `secret of ${client_id}, 32 characters at least`,
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_post',
    ...more,
  }
}

/** Hybrid, implicit and code at once. */
const ALL = {
  grant_types: ['authorization_code', 'refresh_token', 'implicit'],
  response_types: [
    'code',
    'id_token',
    'id_token token',
    'code id_token',
    'code token',
    'code id_token token',
    'none',
  ],
}

export const CLIENTS = [
  client('web', { client_name: 'Portal "β"' }),
  client('every-flow', ALL),
  client('pairwise', { ...ALL, subject_type: 'pairwise' }),
  client('encrypted', {
    id_token_encrypted_response_alg: 'A256KW',
    id_token_encrypted_response_enc: 'A256GCM',
  }),
  client('machine', { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }),
  client('tv', {
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    redirect_uris: [],
    response_types: [],
  }),
  client('introspector', { grant_types: [], redirect_uris: [], response_types: [] }),
]
