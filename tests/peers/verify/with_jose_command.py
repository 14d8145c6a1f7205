"""The command `jose` (José, of Debian's package `jose`). It knows signatures and no claims sets, so
it has no way to ask for an ID token, nor for a SET."""

import json
import subprocess
import tempfile
from pathlib import Path

import cases
import tampered


class Refused(Exception):
    """The command found no signature of the key."""


class JoseCommand:
    refusals = (Refused,)
    tells_sets = False
    as_id_token = {}

    def __init__(self, case, jwks):
        # The command reads a key from a file; with a whole set it would not look at the kid.
        self.directory = tempfile.TemporaryDirectory()
        self.files = {}
        for number, key in enumerate(json.loads(jwks)["keys"]):
            file = Path(self.directory.name, f"{number}.jwk")
            file.write_text(json.dumps(key), "utf-8")
            self.files[key["kid"]] = file

    def verify(self, token, issuer, audience):
        header = json.loads(tampered.unb64(token.split(".")[0]))
        if header["kid"] not in self.files:
            raise Refused("no such key")
        command = ["jose", "jws", "ver", "-i", "-", "-k", self.files[header["kid"]], "-O", "-"]
        done = subprocess.run(command, input=token.encode(), capture_output=True, check=False)
        if done.returncode:
            raise Refused(done.stderr.decode())
        return header, json.loads(done.stdout)

    as_set = verify


cases.main(JoseCommand)
