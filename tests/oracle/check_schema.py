#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_schema.py PROGRAM - Tote and the published schema accept and refuse the same files

schema.json has the structure of the configuration schema 1.2, without its texts. jsonschema is
another implementation of JSON Schema. Files are the seeds, and mutations of them: a key or item is
deleted, renamed, added or has another value. The program PROGRAM parses each with Tote.

Tote deviates on purpose in these points, which no mutation here may violate by chance:
* file_format: the schema accepts any text, Tote the versions 1.x. Mutations of it are skipped.
* Enums: null is accepted wherever the type of the enum allows it. The schema lists no null among
  the values, so it would refuse a variable that is not set: with_null_enums() below.
* Numbers that are not finite or have no 64 bits, and texts with a NUL, are refused. Not generated.
* distribution: tote: has keys of its own, which the schema does not know. Not in the seeds.
"""
import copy
import json
import pathlib
import random
import re
import subprocess
import sys

import jsonschema
import yaml

FOLDER = pathlib.Path(__file__).resolve().parent
FOR_SCALARS = [None, True, -11, -1, 0, 1, 21, 0.5, 1.0, "", "1", [], ["text"], {}, {"x": 1}]
FOR_CONTAINERS = [None, True, 1, "text", [], [None], ["text"], [1, "text"], [0.5, 1], {},
                  {"x": None}, {"x": 1}, {"console": None}, {"always_on": None, "always_off": None}]
NEW_KEYS = ["x", "console", "always_on", "name"]
PAIRS = 500  # files with two mutations


def containers(value, path=()):
    """Each mapping and sequence, by its path."""
    if isinstance(value, (dict, list)):
        yield path, value
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from containers(child, (*path, key))


def changes(seed):
    """Each mutation as a path of a container, and a function that changes the container."""
    for path, container in containers(seed):
        keys = list(container) if isinstance(container, dict) else range(len(container))
        for key in keys:
            if path == () and key == "file_format":
                continue
            yield path, lambda at, key=key: at.pop(key)
            is_container = isinstance(container[key], (dict, list))
            for value in FOR_CONTAINERS if is_container else FOR_SCALARS:
                yield path, lambda at, key=key, value=value: at.__setitem__(
                    key, copy.deepcopy(value))
            if isinstance(container, dict):
                yield path, lambda at, key=key: at.__setitem__(key + "x", at.pop(key))
        if isinstance(container, dict):
            for key in NEW_KEYS:
                for value in (None, {}):
                    yield path, lambda at, key=key, value=value: at.setdefault(key, value)
        else:
            for value in FOR_CONTAINERS:
                yield path, lambda at, value=value: at.append(copy.deepcopy(value))


def mutated(seed, *mutations):
    """A copy of the seed with the mutations, or None if one no longer applies."""
    result = copy.deepcopy(seed)
    for path, change in mutations:
        at = result
        try:
            for key in path:
                at = at[key]
            change(at)
        except (KeyError, IndexError, TypeError, AttributeError):
            return None
    return result


def files(seeds):
    """All files as text, each once."""
    known = set()
    generator = random.Random(15)
    for seed in seeds:
        all_changes = list(changes(seed))
        pairs = [generator.sample(all_changes, 2) for _ in range(PAIRS // len(seeds))]
        for mutations in [[], *([change] for change in all_changes), *pairs]:
            result = mutated(seed, *mutations)
            text = json.dumps(result)
            if isinstance(result, dict) and text not in known:
                known.add(text)
                yield text


def documented():
    """The complete files in the documentation, as if no variable was set."""
    blocks = []
    for name in ("configuration-file", "sampling"):
        page = (FOLDER.parents[1] / f"docs/{name}.md").read_text()
        found = re.findall(r"^```yaml\n(file_format.*?)^```$", page, flags=re.M | re.S)
        if not found:
            sys.exit(f"docs/{name}.md has no file")
        blocks += found
    return [yaml.safe_load(re.sub(r"\$\{\w+(?::-(.*?))?\}", r"\1", block)) for block in blocks]


def check_coverage(schema, seeds):
    """Each key of the schema is in a seed."""
    used = {key for seed in seeds for _, at in containers(seed) if isinstance(at, dict)
            for key in at}
    for name, definition in [("root", schema), *schema["$defs"].items()]:
        for key in definition.get("properties", {}):
            if key not in used and key != "tote":
                sys.exit(f"no seed has the key {key} of {name}")


def with_null_enums(schema):
    """The schema, in which an enum whose type allows null has null among its values."""
    result = copy.deepcopy(schema)
    for definition in result["$defs"].values():
        if "enum" in definition and "null" in definition["type"]:
            definition["enum"].append(None)
    for name in ("span_kinds", "parent"):  # Tote follows the list here: no null in a list
        rule = result["$defs"]["ExperimentalComposableRuleBasedSamplerRule"]["properties"][name]
        rule["items"] = {"allOf": [rule["items"], {"type": "string"}]}
    return result


def main():
    published = json.loads((FOLDER / "schema.json").read_text())
    seeds = [yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("seeds/*.yaml"))]
    check_coverage(published, seeds)
    validator = jsonschema.Draft202012Validator(with_null_enums(published))
    for document in seeds + documented():
        validator.validate(document)
    texts = [*files(seeds), *map(json.dumps, documented())]
    output = subprocess.run([sys.argv[1]], input="\n".join(texts) + "\n", capture_output=True,
                            text=True, check=True).stdout.splitlines()
    if len(output) != len(texts):
        sys.exit(f"{len(output)} results for {len(texts)} files")
    wrong = accepted = 0
    for text, result in zip(texts, output):
        is_valid = validator.is_valid(json.loads(text))
        accepted += is_valid
        if is_valid != result.startswith("1"):
            wrong += 1
            if wrong <= 10:
                reason = next(validator.iter_errors(json.loads(text)), None)
                print(f"{text}\n  Tote: {result}\n  schema: {reason.message if reason else 'valid'}")
    print(f"{len(texts)} files, {accepted} of them valid; {wrong} differences")
    if not 1000 < accepted < len(texts) - 1000:
        sys.exit("the mutations make too few files of one kind")
    sys.exit(wrong > 0)


main()
