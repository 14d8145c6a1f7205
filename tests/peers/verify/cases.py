"""Runs one library over the tokens of a case, which is a directory: `case.json`, `jwks.json` (what
`op-listener keys jwks` printed), `events.ndjson` (what the host read), `tokens.ndjson` (what the
listener noted) and `impostor.ndjson` (the same of another key that claims the same kid).

An adapter brings `verify(token, issuer, audience)`, which gives header and claims or raises one of
its `refusals`; `as_set`, like it, but asking for a SET; and `as_id_token`, the library's ways to ask
for an ID token, which must take a real one. Prints the counts, or ends with what was a surprise."""

import json
import sys
from pathlib import Path

import security_event
import tampered
from security_event import Surprise


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


class Count:
    def __init__(self, adapter):
        self.adapter = adapter
        self.verified = 0
        self.refused = 0

    def refuse(self, what, attempt):
        try:
            taken = attempt()
        except self.adapter.refusals:
            self.refused += 1
            return
        raise Surprise(f"taken, though {what}: {taken!r}")


def run(adapter, case, directory):
    events = {event["id"]: event for event in lines(directory / "events.ndjson")}
    count = Count(adapter)
    for note in lines(directory / "tokens.ndjson"):
        if "token" in note:
            event = events[note["id"]]
            try:
                (security_event_token if note["made"] == "set" else plain_token)(
                    adapter, case, event, note, count
                )
            except (Surprise, *adapter.refusals) as error:
                raise Surprise(f"event {note['id']}, {note['made']}: {error!r}") from error
    for note in lines(directory / "impostor.ndjson"):
        if note["made"] == "set" and "token" in note:
            issuer = events[note["id"]]["issuer"]
            attempt = lambda: adapter.verify(note["token"], issuer, case["audience"])
            count.refuse("signed by another key", attempt)
    return count


def security_event_token(adapter, case, event, note, count):
    token, issuer, audience = note["token"], event["issuer"], case["audience"]
    header, claims = adapter.as_set(token, issuer, audience)
    security_event.check_set(header, claims, event, note, case)
    count.verified += 1
    for what, ask in adapter.as_id_token.items():
        count.refuse(f"asked for {what}", lambda: ask(token, issuer, audience))
    for what, forged in tampered.each(token, case):
        count.refuse(what, lambda: adapter.verify(forged, issuer, audience))


def plain_token(adapter, case, event, note, count):
    token, issuer, audience = note["token"], event["issuer"], [event["client_id"]]
    header, claims = adapter.verify(token, issuer, audience)
    security_event.check_plain(header, claims, event, note, case)
    count.verified += 1
    if note["made"] == "jwt":
        # What refuses SETs takes ID tokens.
        for ask in adapter.as_id_token.values():
            ask(token, issuer, audience)
    if adapter.tells_sets:
        count.refuse("no SET", lambda: adapter.as_set(token, issuer, audience))


def main(adapter):
    for directory in map(Path, sys.argv[1:]):
        case = json.loads((directory / "case.json").read_text("utf-8"))
        jwks = (directory / "jwks.json").read_text("utf-8")
        try:
            count = run(adapter(case, jwks), case, directory)
        except Surprise as surprise:
            sys.exit(f"{directory.name}: {surprise}")
        print(f"{directory.name}: verified {count.verified}, refused {count.refused}")
