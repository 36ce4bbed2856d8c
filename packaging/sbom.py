#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what the command and the library are made of, beside Morrow itself: a bill of materials in the form of
CycloneDX 1.5. Shared libraries are those that the loader takes, archives those of the link line, headers those that the
compiler read; each goes by its package of Debian. The same build gives the same bytes."""
import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse
import uuid

FORMAT = "${binary:Package}\t${Version}\t${Architecture}\t${source:Package}\t${Homepage}\n"
HOW = ["shared library", "static library", "headers"]
AT_ONCE = 500  # names on a command line


def output_of(command, may_fail=False):
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0 and not may_fail:
        sys.exit(f"sbom: {' '.join(command[:4])} failed: {result.stderr.strip()}")
    return result.stdout


def shared_libraries(program):
    """The files that the loader takes for it, also for what those need."""
    return set(re.findall(r"(/\S+) \(0x", output_of(["ldd", program])))


def archives(build, target):
    """The static libraries of its link line that the build did not make."""
    last = output_of(["ninja", "-n", "-C", build, "-t", "commands", "-s", target]).strip().split("\n")[-1]
    found = set(re.findall(r"(?<=\s)(/\S+\.a)(?=\s|$)", last))
    for name in re.findall(r"(?<=\s)-l(\S+)", last):
        path = output_of(["g++", f"-print-file-name=lib{name}.a"]).strip()
        shared = output_of(["g++", f"-print-file-name=lib{name}.so"]).strip()
        if os.path.isabs(path) and not os.path.isabs(shared):
            found.add(path)
    return {path for path in found if not path.startswith(f"{build}/")}


def headers(build):
    """Those of the system that the sources of Morrow were compiled with."""
    found, ours = set(), False
    for line in output_of(["ninja", "-n", "-C", build, "-t", "deps"]).split("\n"):
        if line and not line.startswith(" "):
            ours = line.startswith("src/")
        elif ours and line.strip().startswith("/usr/"):
            found.add(line.strip())
    if not found:
        sys.exit(f"sbom: {build} does not say what it was compiled with; build it first: ./dev build")
    return found


def packages_of(files):
    """The names of the packages that the files belong to. \\throws SystemExit for a file of none"""
    files = {os.path.realpath(file) for file in files}
    # A package may name its files by the folders from before /usr was merged.
    names = {name: file for file in files for name in (file, re.sub(r"^/usr(?=/lib)", "", file))}
    owners = {}
    wanted = sorted(names)
    for at in range(0, len(wanted), AT_ONCE):
        for line in output_of(["dpkg-query", "-S", *wanted[at : at + AT_ONCE]], may_fail=True).split("\n"):
            match = re.fullmatch(r"(\S+(?:, \S+)*): (/.*)", line)
            if match and match.group(2) in names:
                owners[names[match.group(2)]] = match.group(1).split(", ")[0]
    lost = sorted(files - set(owners))
    if lost:
        sys.exit(f"sbom: no package of Debian has {lost[0]}, so its version is not known")
    return set(owners.values())


def component(package, how, distribution):
    name, version, architecture, source, homepage = package
    purl = f"pkg:deb/{distribution}/{name}@{urllib.parse.quote(version, safe='')}?arch={architecture}"
    out = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    if homepage:
        out["externalReferences"] = [{"type": "website", "url": homepage}]
    out["properties"] = [{"name": "morrow:used-as", "value": one} for one in how]
    out["properties"].append({"name": "morrow:source-package", "value": source})
    return out


def bill_of(build):
    cache = pathlib.Path(build, "CMakeCache.txt").read_text(encoding="utf-8")
    version = re.search(r"^CMAKE_PROJECT_VERSION:\w+=(.*)$", cache, re.MULTILINE).group(1)
    os_release = pathlib.Path("/etc/os-release").read_text(encoding="utf-8")
    distribution = re.search(r'^ID="?(\w+)', os_release, re.MULTILINE).group(1)
    library = f"src/runtime/libmorrow.so.{version}"
    products = {"bin/morrow", library}
    for product in products:
        if not pathlib.Path(build, product).exists():
            sys.exit(f"sbom: {build}/{product} is not there; build it first: ./dev build")
    files = [
        set().union(*(shared_libraries(f"{build}/{product}") for product in products)),
        set().union(*(archives(build, product) for product in products)),
        headers(build),
    ]
    used = {}
    for how, found in zip(HOW, files):
        for package in packages_of(found):
            used.setdefault(package, []).append(how)
    rows = [line.split("\t") for line in output_of(["dpkg-query", "-W", "-f", FORMAT, *sorted(used)]).splitlines()]
    by_name = {name: how for name, how in used.items()} | {name.split(":")[0]: how for name, how in used.items()}
    components = [component([row[0].split(":")[0], *row[1:]], by_name[row[0]], distribution) for row in rows]
    components.sort(key=lambda one: one["bom-ref"])
    built = pathlib.Path(build, "bin/morrow").stat().st_mtime
    when = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", built)), datetime.timezone.utc)
    root = f"pkg:generic/morrow@{version}"
    out = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": "",
        "version": 1,
        "metadata": {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "morrow",
                "version": version,
                "purl": root,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": [one["bom-ref"] for one in components]}],
    }
    out["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(out, sort_keys=True))}"
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", help="the folder of a build by ninja")
    parser.add_argument("--output", help="a file (default: standard output)")
    arguments = parser.parse_args()
    text = json.dumps(bill_of(os.path.abspath(arguments.build)), indent=2) + "\n"
    if arguments.output:
        pathlib.Path(arguments.output).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
