"""What stands before a server of SQS: checks each request's signature with botocore, as AWS would, and
passes it on, unless it was told to do something else with it. Ends with its standard input.

    front.py PORT UPSTREAM-PORT FOLDER [CERTIFICATE KEY]

FOLDER/keys.json holds {"access_key_id", "secret_access_key", "session_token"} of the one who may ask.
FOLDER/faults.json, if it is there, is a list of what to do with the next batches, one after the other: it is taken when
it is read. What was done is appended to FOLDER/front.ndjson.
"""

import http.client
import json
import os
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

upstream, folder = int(sys.argv[2]), sys.argv[3]
lock = threading.Lock()
faults = []


def next_fault():
    path = os.path.join(folder, "faults.json")
    with lock:
        if os.path.exists(path):
            with open(path) as file:
                faults.extend(json.load(file))
            os.remove(path)
        return faults.pop(0) if faults else {}


def note(**what):
    with lock, open(os.path.join(folder, "front.ndjson"), "a") as file:
        file.write(json.dumps(what) + "\n")


def signed_rightly(headers, path, body):
    """Whether the signature is the one that botocore makes of what it says is signed."""
    with open(os.path.join(folder, "keys.json")) as file:
        keys = json.load(file)
    kind, _, rest = headers["authorization"].partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    key_id, date, region, service, ending = parts["Credential"].split("/")
    names = parts["SignedHeaders"].split(";")
    request = AWSRequest(
        method="POST",
        url=f"http://{headers['host']}{path}",
        headers={name: headers[name] for name in names},
        data=body,
    )
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials(keys["access_key_id"], keys["secret_access_key"]), service, region)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    needed = {"content-type", "host", "x-amz-date", "x-amz-target"}
    if keys.get("session_token"):
        needed.add("x-amz-security-token")
    return (
        kind == "AWS4-HMAC-SHA256"
        and (key_id, service, ending) == (keys["access_key_id"], "sqs", "aws4_request")
        and headers["x-amz-date"].startswith(date)
        and needed == set(names)
        and headers.get("x-amz-security-token") == keys.get("session_token")
        and signature == parts["Signature"]
    )


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, code, **headers):
        error = {"__type": f"com.amazonaws.sqs#{code}", "message": "because"}
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.say(status, headers, json.dumps(error).encode())

    def hang_up(self):
        self.close_connection = True

    def pass_on(self, headers, body):
        connection = http.client.HTTPConnection("127.0.0.1", upstream)
        kept = {name: value for name, value in headers.items() if name not in ("connection", "content-length")}
        connection.request("POST", self.path, body, kept)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def do_POST(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = int(headers.get("content-length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            # The sender was killed meanwhile: no request.
            return self.hang_up()
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if not signed_rightly(headers, self.path, body):
            note(action=action, signature="wrong")
            return self.refuse(403, "InvalidSignatureException")
        fault = next_fault() if action == "SendMessageBatch" else {}
        entries = len(json.loads(body).get("Entries", []))
        note(action=action, signature="right", bytes=len(body), entries=entries, fault=fault)
        if fault.get("cut"):
            return self.hang_up()
        if "refuse" in fault:
            more = {"Retry_After": fault["after"]} if "after" in fault else {}
            return self.refuse(fault.get("status", 400), fault["refuse"], **more)
        failed = []
        if "fail" in fault:
            # Of these entries the server hears nothing.
            request = json.loads(body)
            failed, rest = request["Entries"][: fault["entries"]], request["Entries"][fault["entries"] :]
            request["Entries"] = rest
            body = json.dumps(request).encode()
            status, answer = self.pass_on(headers, body) if rest else (200, b"{}")
        else:
            status, answer = self.pass_on(headers, body)
        if fault.get("lose"):
            return self.hang_up()
        if failed:
            answer = json.loads(answer)
            answer.setdefault("Failed", []).extend(
                {"Id": entry["Id"], "SenderFault": fault["fault"], "Code": fault["fail"], "Message": "because"}
                for entry in failed
            )
            answer = json.dumps(answer).encode()
        self.say(status, {"Content-Type": "application/x-amz-json-1.0"}, answer)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # Whoever hangs up, or does not believe the certificate, does so on purpose.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


server = Server(("127.0.0.1", int(sys.argv[1])), Front)
if len(sys.argv) > 4:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
