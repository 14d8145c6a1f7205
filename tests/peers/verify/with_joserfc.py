"""joserfc. It looks at no `typ`: an ID token's consumer demands the claims that it needs."""

import json

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

import cases


class Joserfc:
    # A kid that the set does not have is a `ValueError` of the library's.
    refusals = (JoseError, ValueError)
    tells_sets = True

    def __init__(self, case, jwks):
        self.algorithms = [case["algorithm"]]
        self.keys = KeySet.import_key_set(json.loads(jwks))
        self.as_id_token = {
            "`exp`": lambda *asked: self.demanding(["exp"], *asked),
            "`sub`": lambda *asked: self.demanding(["sub"], *asked),
        }

    def demanding(self, claims, token, issuer, audience):
        decoded = jwt.decode(token, self.keys, algorithms=self.algorithms)
        demands = {name: {"essential": True} for name in ["iat", *claims]}
        demands["iss"] = {"essential": True, "value": issuer}
        if audience:
            demands["aud"] = {"essential": True, "values": audience}
        jwt.JWTClaimsRegistry(**demands).validate(decoded.claims)
        return decoded.header, decoded.claims

    def verify(self, token, issuer, audience):
        return self.demanding([], token, issuer, audience)

    def as_set(self, token, issuer, audience):
        return self.demanding(["events", "jti"], token, issuer, audience)


cases.main(Joserfc)
