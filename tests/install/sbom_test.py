# SPDX-License-Identifier: Apache-2.0
"""The bill of materials has all that CycloneDX 1.5 asks for, and each library that the command and the library name."""
import json
import re
import subprocess
import sys

script, build, *products = sys.argv[1:]
texts = [
    subprocess.run([sys.executable, "-B", script, build], capture_output=True, text=True, check=True).stdout
    for _ in range(2)
]
assert texts[0] == texts[1], "the same build should give the same bytes"
bill = json.loads(texts[0])

assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.5", 1)
assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"]), bill["serialNumber"]
assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", bill["metadata"]["timestamp"]), bill["metadata"]
root = bill["metadata"]["component"]
assert root["name"] == "morrow" and re.fullmatch(r"\d+\.\d+\.\d+", root["version"]), root

components = bill["components"]
references = [one["bom-ref"] for one in components]
assert len(references) == len(set(references)), "a part should stand there once"
for one in components:
    assert one["type"] == "library" and one["name"] and one["version"], one
    assert re.fullmatch(r"pkg:deb/\w+/[a-z0-9.+-]+@[\w.~%-]+\?arch=\w+", one["purl"]), one["purl"]
assert bill["dependencies"] == [{"ref": root["bom-ref"], "dependsOn": references}], bill["dependencies"]

# By their sonames, which the names of Debian's packages follow; and one of each other way to be a part.
names = {one["name"]: {way["value"] for way in one["properties"]} for one in components}
known = {"libc": "libc6", "libm": "libc6", "ld-linux-x86-64": "libc6", "libgcc_s": "libgcc-s1", "libcrypto": "libssl3"}
for product in products:
    dynamic = subprocess.run(["readelf", "-dW", product], capture_output=True, text=True, check=True).stdout
    for stem, number in re.findall(r"\(NEEDED\).*\[([^\]]+?)\.so\.?([\d.]*)\]", dynamic):
        digit = re.search(r"\d$", stem) is not None
        package = known.get(stem, stem.lower() + ("-" if digit else "") + number)
        there = any("shared library" in ways for name, ways in names.items() if name.startswith(package))
        assert there, f"{product} is linked with {package}: {sorted(names)}"
assert "headers" in names["libcereal-dev"] and any("static library" in ways for ways in names.values()), names
