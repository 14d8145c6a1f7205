"""Tokens that nobody may accept, made of one that everybody does."""

import base64
import json


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def with_header(token, **members):
    header, payload, signature = token.split(".")
    header = json.loads(unb64(header)) | members
    return ".".join([b64(json.dumps(header).encode()), payload, signature])


def each(token, case):
    """Pairs of what was done and what came of it."""
    header, payload, signature = token.split(".")
    claims = unb64(payload)
    # One digit of `iat`: still JSON, still a claims set, still now.
    at = claims.index(b'"iat":') + len('"iat":1234567890') - 1
    changed = claims[:at] + (b"1" if claims[at : at + 1] == b"0" else b"0") + claims[at + 1 :]
    yield "one byte of the payload changed", ".".join([header, b64(changed), signature])
    yield "the kid of another key", with_header(token, kid=case["other_kid"])
    yield "a kid that nobody has", with_header(token, kid="nobody")
    swapped = {"RS256": "PS256", "PS256": "RS256", "ES256": "EdDSA", "EdDSA": "ES256"}
    yield "another alg", with_header(token, alg=swapped[case["algorithm"]])
    unsigned = with_header(token, alg="none")
    yield "alg none, no signature", unsigned[: unsigned.rindex(".") + 1]
