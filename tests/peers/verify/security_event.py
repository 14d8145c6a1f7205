"""What a Security Event Token made by the host must say of its event: RFC 8417, OpenID Shared
Signals Framework 1.0, RFC 9493. How a library gets at the claims is not known here."""

import base64
import binascii
import json
import re
import time
from urllib.parse import quote

EVENT_TYPES = {
    "id_token_issue": "urn:op-listener:event-type:id-token-issued",
    "access_token_issue": "urn:op-listener:event-type:access-token-issued",
    "subject_auth_and_consent": "urn:op-listener:event-type:subject-authenticated-and-consented",
}

COMPACT = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*){2,4}")


class Surprise(Exception):
    """A token is not as it must be."""


def expect(what, found, wanted):
    if type(found) is not type(wanted) or found != wanted:
        raise Surprise(f"{what} is {found!r}, not {wanted!r}")


def whom(event):
    """The end-user; the client where there is none."""
    subject = event.get("subject")
    return event["client_id"] if subject is None else subject


def token_claims(event):
    return event.get("claims") or event.get("id_token_claims") or {}


def subject_identifier(event, form):
    """RFC 9493, section 3.2."""
    forms = {
        "iss_sub": lambda: {"iss": event["issuer"], "sub": whom(event)},
        "opaque": lambda: {"id": whom(event)},
        "email": lambda: {"email": token_claims(event)["email"]},
        "account": lambda: {"uri": f"acct:{quote(whom(event), safe='')}@example.com"},
    }
    return {"format": form, **forms[form]()}


def check_header(header, case, typ):
    expect("typ", header.get("typ"), typ)
    expect("alg", header.get("alg"), case["algorithm"])
    expect("kid", header.get("kid"), case["kid"])
    expect("the header", set(header), {"alg", "kid", "typ"})


def check_time(claims):
    if type(claims["iat"]) is not int or abs(time.time() - claims["iat"]) > 3600:
        raise Surprise(f"iat is {claims['iat']!r}, which is not now")


def check_set(header, claims, event, note, case):
    check_header(header, case, "secevent+jwt")
    wanted = {"iss", "iat", "jti", "toe", "sub_id", "events"}
    wanted |= {"txn"} if "txn" in event else set()
    wanted |= {"aud"} if case["audience"] else set()
    # So there is no `sub`, no `exp`, and nothing else by which it may be taken for another token.
    expect("the set of claims", set(claims), wanted)
    check_time(claims)
    expect("iss", claims["iss"], event["issuer"])
    # SETs with another subject identifier than the default are others, so their listener said.
    suffix = "" if note["sub_id"] == "iss_sub" else ":" + note["sub_id"]
    expect("jti", claims["jti"], event["id"] + suffix)
    expect("txn", claims.get("txn"), event.get("txn"))
    expect("toe", claims["toe"], int(event["time"]))
    if case["audience"]:
        audience = case["audience"]
        expect("aud", claims["aud"], audience[0] if len(audience) == 1 else audience)
    expect("sub_id", claims["sub_id"], subject_identifier(event, note["sub_id"]))
    expect("the event type", list(claims["events"]), [EVENT_TYPES[event["type"]]])
    [payload] = claims["events"].values()
    wanted = {"client_id": event["client_id"]}
    if case["claims"] is not None:
        known = token_claims(event)
        wanted["claims"] = {name: known[name] for name in case["claims"] if name in known}
    expect("the payload", payload, wanted)
    refuse_tokens(claims)


def check_plain(header, claims, event, note, case):
    """The ID token or access token that was signed as its listener gave it."""
    check_header(header, case, {"jwt": "JWT", "at+jwt": "at+jwt"}[note["made"]])
    check_time(claims)
    wanted = {
        "iss": event["issuer"],
        "sub": whom(event),
        "aud": event["client_id"],
        "iat": claims["iat"],
        "exp": claims["iat"] + 3600,
    }
    if note["made"] == "jwt":
        wanted |= {"nonce": event["id"]}
    else:
        wanted |= {"client_id": event["client_id"], "jti": event["id"]}
    expect("the claims", claims, wanted)


def refuse_tokens(value):
    """No string anywhere may be a compact JWS or JWE."""
    if isinstance(value, dict):
        for member in value.values():
            refuse_tokens(member)
    elif isinstance(value, list):
        for item in value:
            refuse_tokens(item)
    elif isinstance(value, str) and COMPACT.fullmatch(value):
        head = value.split(".")[0]
        try:
            inside = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        except (binascii.Error, ValueError):
            return
        if isinstance(inside, dict):
            raise Surprise(f"a token inside: {value}")
