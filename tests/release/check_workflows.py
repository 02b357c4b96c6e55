#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_workflows.py SOURCE - the workflows run the steps of .ci/run, and are safe

.ci/run and the jobs of ci.yml have the same steps, each one a command of ./dev. The jobs also run
all platforms, and install the packages. Permissions are minimal, actions have a version, and no secret is used. The forms of issues have their fields.
"""
import pathlib
import re
import sys

import yaml

SOURCE = pathlib.Path(sys.argv[1])
WORKFLOWS = SOURCE / ".github/workflows"
PREPARATION = re.compile(r"apt-get (update|install) .*|git config --global --add safe\.directory .*")
ACTION = re.compile(r"actions/[a-z-]+@(v\d+|[0-9a-f]{40})")
WRITES = {("release.yml", "publish"): {"contents": "write"}}
LONG = re.compile(r"test-(platform|deb) (.*)")  # in the jobs alone
FIELDS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}
problems = []


def check(condition, text):
    if not condition:
        problems.append(text)


def load(file):
    return yaml.load(file.read_text(), Loader=yaml.BaseLoader)  # `on` is a text, not true


def steps_of_run():
    text = (SOURCE / ".ci/run").read_text()
    return set(re.findall(r"^(?:step|run) \./dev ([a-z0-9 -]+)$", text, re.M))


def platforms_of_tests():
    file = SOURCE / "tests/platforms/platforms.tsv"
    lines = file.read_text().splitlines() if file.exists() else []
    return {line.split("\t")[0] for line in lines if line and not line.startswith("#")}


def commands_of_dev():
    text = (SOURCE / "dev").read_text()
    return set(re.findall(r"^  ([a-z-]+)(?= |$)", text, re.M))  # of its help


def expand(job, command):
    """Return the commands of a job: one for each value of its matrix."""
    matrix = job.get("strategy", {}).get("matrix", {})
    results = [command]
    for name, values in matrix.items():
        hole = "${{ matrix.%s }}" % name
        results = [text.replace(hole, value) for text in results
                   for value in (values if hole in text else [""])]
    return results


def steps_of_jobs(workflow):
    found = []
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            for line in step.get("run", "").splitlines():
                if line.startswith("./dev "):
                    found += [command[len("./dev "):] for command in expand(job, line)]
    return found


def check_workflow(name, workflow):
    check(workflow.get("permissions") == {"contents": "read"}, f"{name}: permissions: contents: read")
    check("secrets." not in (WORKFLOWS / name).read_text(), f"{name}: secrets")
    for job_name, job in workflow["jobs"].items():
        what = f"{name}: {job_name}"
        check("timeout-minutes" in job, f"{what}: no timeout")
        check(job.get("permissions") == WRITES.get((name, job_name)), f"{what}: permissions")
        for step in job["steps"]:
            check(("run" in step) != ("uses" in step), f"{what}: a step that runs or uses")
            check(ACTION.fullmatch(step.get("uses", "actions/x@v1")), f"{what}: {step.get('uses')}")
            for command in step.get("run", "").split(" && "):
                uses_dev = command.startswith("./dev ")
                check(not command or name != "ci.yml" or uses_dev or PREPARATION.fullmatch(command),
                      f"{what}: only ./dev: {command}")
                check("${{ github.event" not in command, f"{what}: text of others in a command")


def check_form(file):
    form = load(file)
    check({"name", "description", "body"} <= set(form), f"{file.name}: fields")
    ids = [field.get("id") for field in form["body"] if field["type"] != "markdown"]
    check(len(set(ids)) == len(ids) and None not in ids, f"{file.name}: ids")
    for field in form["body"]:
        check(field["type"] in FIELDS, f"{file.name}: {field['type']}")
        wanted = "value" if field["type"] == "markdown" else "label"
        check(wanted in field["attributes"], f"{file.name}: {wanted}")


def main():
    for file in sorted(WORKFLOWS.glob("*.yml")):
        check_workflow(file.name, load(file))
    ci = load(WORKFLOWS / "ci.yml")
    check(ci.get("concurrency", {}).get("group"), "ci.yml: concurrency")
    run, jobs = steps_of_run(), steps_of_jobs(ci)
    platforms = {LONG.fullmatch(step)[2] for step in jobs if step.startswith("test-platform ")}
    for name in sorted(platforms ^ platforms_of_tests()):
        problems.append(f"platform {name}: not in both ci.yml and platforms.tsv")
    check(len(set(jobs)) == len(jobs), "ci.yml: a step is there twice")
    for step in sorted(step for step in run ^ set(jobs) if not LONG.fullmatch(step)):
        problems.append(f"./dev {step}: only in {'.ci/run' if step in run else 'ci.yml'}")
    for step in sorted(run | set(jobs) | set(steps_of_jobs(load(WORKFLOWS / "release.yml")))):
        check(step.split()[0] in commands_of_dev(), f"no command of ./dev: {step}")
    check(len(run) >= 8, "too few steps found in .ci/run")
    for file in sorted((SOURCE / ".github/ISSUE_TEMPLATE").glob("*.yml")):
        if file.name != "config.yml":
            check_form(file)
    print("\n".join(problems) or f"{len(run)} steps")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
