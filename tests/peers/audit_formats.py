#!/usr/bin/env python3
"""Validates audit records against the specifications that they follow.

    python3 audit_formats.py FILE...

Each line of each file is a record in the format `cloudevents` or `ocsf`, told apart by what is in
it. CloudEvents are read with the CloudEvents SDK, OCSF events are checked with the JSON schema of
their own class and version. Prints how many records of each were checked; the exit code is 1 if a
record is invalid (each is named) or if there was none at all.
"""

import functools
import json
import re
import sys

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

# RFC 3339 in UTC; the SDK takes every ISO 8601.
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
# What the specification recommends for attribute names; the SDK knows no limit.
LONGEST_NAME = 20


def once(members):
    """An object, each of whose names must stand once."""
    names = [name for name, _ in members]
    if len(set(names)) != len(names):
        raise ValueError(f"a name stands twice in {names}")
    return dict(members)


def check_cloudevent(line, record):
    # The SDK makes up what is missing of these.
    missing = [name for name in ("specversion", "id", "source", "type", "time") if name not in record]
    if missing:
        yield f"missing: {', '.join(missing)}"
        return
    event = JSONFormat().read(CloudEvent, line)
    if not RFC_3339.fullmatch(record["time"]):
        yield f"time {record['time']!r} is not as RFC 3339 has it"
    if event.get_datacontenttype() != "application/json" or not isinstance(event.get_data(), dict):
        yield "data is no JSON object, or not said to be one"
    for name, value in record.items():
        if name == "data":
            continue
        if len(name) > LONGEST_NAME:
            yield f"the attribute name {name!r} is too long"
        # Section "Type System": integers have 32 bits, and there are no fractions, objects, nulls.
        if isinstance(value, bool) or isinstance(value, str):
            continue
        if not isinstance(value, int) or not -(2**31) <= value < 2**31:
            yield f"the attribute {name!r} has a value of no CloudEvents type"


@functools.cache
def ocsf_classes(version):
    return OcsfJsonSchemaEmbedded(get_ocsf_schema(version))


@functools.cache
def ocsf_validator(version, class_uid):
    classes = ocsf_classes(version)
    schema = classes.get_class_schema(classes.lookup_class_name_from_uid(class_uid))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def check_ocsf(line, record):
    version = record["metadata"]["version"]
    for error in ocsf_validator(version, record["class_uid"]).iter_errors(record):
        yield f"{error.json_path}: {error.message}"
    # What a schema cannot say: identifiers and captions belong together.
    if record["type_uid"] != record["class_uid"] * 100 + record["activity_id"]:
        yield f"type_uid {record['type_uid']} is not that of the class and activity"
    attributes = ocsf_classes(version).schema.schema["classes"]
    name = ocsf_classes(version).lookup_class_name_from_uid(record["class_uid"])
    attributes = attributes[name.split("/")[-1]]["attributes"]
    for member, caption in [
        ("category_uid", "category_name"),
        ("activity_id", "activity_name"),
        ("severity_id", "severity"),
        ("status_id", "status"),
        ("auth_protocol_id", "auth_protocol"),
    ]:
        if member not in record or record[member] == 99:
            continue
        known = attributes[member]["enum"][str(record[member])]["caption"]
        if record.get(caption) != known:
            yield f"{caption} is {record.get(caption)!r}, but {member} {record[member]} is {known!r}"


FORMATS = {"CloudEvents": check_cloudevent, "OCSF": check_ocsf}


def check(line):
    """The format of a record, and what is wrong with it."""
    try:
        record = json.loads(line, object_pairs_hook=once)
        if "specversion" in record:
            name = "CloudEvents"
        elif "class_uid" in record:
            name = "OCSF"
        else:
            return None, ["neither a CloudEvent nor an OCSF event"]
        return name, list(FORMATS[name](line, record))
    except Exception as error:  # whatever a library says of a bad record
        return None, [f"{type(error).__name__}: {error}"]


def main(files):
    if not files:
        print(__doc__, file=sys.stderr)
        return 2
    counts = dict.fromkeys(FORMATS, 0)
    invalid = 0
    for file in files:
        with open(file, encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                name, errors = check(line)
                if name:
                    counts[name] += 1
                invalid += bool(errors)
                for error in errors:
                    print(f"{file}:{number}: {error}")
    checked = ", ".join(f"{count} {name} records" for name, count in counts.items())
    print(f"checked {checked}: {invalid} invalid")
    return 1 if invalid or not any(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
