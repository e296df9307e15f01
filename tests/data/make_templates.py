#!/usr/bin/env python3
"""Writes templates.json: what Ansible makes of the expressions below.

Run with the Python of an ansible-core 2.19 installation. Each case is a template and either its value
or `"error": true`; the Rust test evaluates the same templates over the same variables.
"""
import json
import os
import sys

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

# Written variables (templates) and data (never rendered).
WRITTEN = {
    "n": None, "t": True, "f": False, "i": 5, "fl": 1.5, "s": "text", "empty": "", "yes_": "yes",
    "d": {"a": 1, "b": {"c": [1, 2, {"x": "y"}]}, "Z": "z"},
    "l": [3, 1, 2], "ls": ["b", "A", "c"], "ld": [{"n": "x", "v": 1}, {"n": "y", "v": 2}, {"n": "z"}],
    "via": "{{ i }}", "vl": ["{{ s }}", "{{ l }}"], "bad": "{{ nope }}", "m": {"ok": 1, "bad": "{{ nope }}"},
    "path": "/etc/foo/bar.tar.gz", "multi": "one\ntwo\n", "ver": "22.04", "num": "42", "b64": "aGVsbG8=",
    "words": "the quick brown fox", "js": '{"a": [1, 2.5, null, true]}', "ym": "a: 1\nb: [x, yes, 0644]\n",
    "res": {"changed": True, "failed": False, "rc": 0, "stdout": "x\ny", "stdout_lines": ["x", "y"]},
    "resf": {"failed": True, "rc": 1}, "ress": {"skipped": True, "changed": False},
    "nest": [[1, 2], [3, [4, [5]]], None], "url": "https://u:p@example.org:8080/a/b?x=1&y=2#frag",
    "users": [{"name": "a", "groups": ["x", "y"]}, {"name": "b", "groups": []}, {"name": "c"}],
    "yaml": {"b": [1, 2, {"x": None, "y": []}], "a": "yes", "s": "it is: here", "m": "l1\nl2\n",
             "long": "word " * 30, "e": "", "t": True, "f": 1.5, "o": "0644", "n": {"k": {}}, "u": "é",
             "q": "it's", "h": "# x", "sp": " lead", "dt": "2020-01-01", "tab": "a\tb", "l2": "a\n\nb",
             "colon": "a:b", "nul": "null", "dash": "- x", "star": "*x", "num": "1e3", "lt": [[1, 2], [3]],
             "lw": "x" * 50 + " " + "y" * 50 + " zzz", "fe": 1e20},
}

EXPRESSIONS = open(os.path.join(os.path.dirname(__file__), "templates.txt")).read().split("\n%%\n")


def trust(value):
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, list):
        return [trust(v) for v in value]
    if isinstance(value, dict):
        return {k: trust(v) for k, v in value.items()}
    return value


def plain(value):
    return json.loads(json.dumps(value, default=str))


def main():
    os.environ["PALISADE_X"] = "from env"
    templar = Templar(loader=DataLoader(), variables=trust(WRITTEN))
    cases = []
    for template in EXPRESSIONS:
        template = template.rstrip("\n") if not template.endswith("\\n\n") else template
        if not template:
            continue
        case = {"template": template}
        try:
            case["value"] = plain(templar.template(trust_as_template(template)))
        except Exception as error:  # noqa: BLE001
            case["error"] = str(error)[:160]
        cases.append(case)
    out = os.path.join(os.path.dirname(__file__), "templates.json")
    with open(out, "w") as file:
        json.dump({"variables": WRITTEN, "cases": cases}, file, indent=1, ensure_ascii=False)
        file.write("\n")
    print(len(cases), sum("error" in c for c in cases), file=sys.stderr)


main()
