"""PyJWT. It looks at no `typ`: an ID token's consumer demands the claims that it needs."""

import jwt

import cases


class PyJwt:
    # The key set raises `KeyError` for a kid that it does not have.
    refusals = (jwt.PyJWTError, KeyError)
    tells_sets = True

    def __init__(self, case, jwks):
        self.algorithms = [case["algorithm"]]
        self.keys = jwt.PyJWKSet.from_json(jwks)
        self.as_id_token = {
            "`exp`": lambda *asked: self.demanding(["exp"], *asked),
            "`sub`": lambda *asked: self.demanding(["sub"], *asked),
        }

    def demanding(self, claims, token, issuer, audience):
        key = self.keys[jwt.get_unverified_header(token)["kid"]]
        decoded = jwt.decode_complete(
            token,
            key,
            algorithms=self.algorithms,
            issuer=issuer,
            audience=audience or None,
            options={"require": ["iss", "iat", *claims]},
        )
        return decoded["header"], decoded["payload"]

    def verify(self, token, issuer, audience):
        return self.demanding([], token, issuer, audience)

    def as_set(self, token, issuer, audience):
        return self.demanding(["events", "jti"], token, issuer, audience)


cases.main(PyJwt)
