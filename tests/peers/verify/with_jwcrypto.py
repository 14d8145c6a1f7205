"""jwcrypto. It looks at no `typ`: an ID token's consumer demands the claims that it needs."""

import json

from jwcrypto.common import JWException
from jwcrypto.jwk import JWKSet
from jwcrypto.jwt import JWT

import cases


class Jwcrypto:
    refusals = (JWException,)
    tells_sets = True

    def __init__(self, case, jwks):
        self.algorithms = [case["algorithm"]]
        self.keys = JWKSet.from_json(jwks)
        self.as_id_token = {
            "`exp`": lambda *asked: self.demanding(["exp"], *asked),
            "`sub`": lambda *asked: self.demanding(["sub"], *asked),
        }

    def demanding(self, claims, token, issuer, audience):
        demands = {name: None for name in claims}
        demands["iss"] = issuer
        if audience:
            demands["aud"] = audience[0]
        taken = JWT(
            jwt=token,
            key=self.keys,
            algs=self.algorithms,
            expected_type="JWS",
            check_claims=demands,
        )
        return json.loads(taken.header), json.loads(taken.claims)

    def verify(self, token, issuer, audience):
        return self.demanding([], token, issuer, audience)

    def as_set(self, token, issuer, audience):
        return self.demanding(["events", "jti"], token, issuer, audience)


cases.main(Jwcrypto)
