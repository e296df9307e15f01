"""What looking at a host costs: all of a benchmark, next to scanners that are installed on every host.

The hosts lie over a small Debian of their own, made once, because a scanner walks over every file and
the machine that measures holds more of them than a server does.
"""

import json
import lzma
import re
import shutil
import subprocess
import urllib.request

from delay import remove
from measure import Meter
from tools import TARGET, Tool

ROOT = TARGET / "bench-root"
SUITE = "bookworm"
# What hosts need, what an ordinary server has, and the scanners.
PACKAGES = (
    "systemd systemd-sysv libpam-systemd dbus udev kmod procps iproute2 openssh-server sudo python3 "
    "cron rsyslog nftables chrony apparmor ca-certificates locales less man-db vim git perl curl "
    "postfix nginx-light lynis openscap-scanner"
)
CONTENT = "usr/share/xml/scap/ssg/content/ssg-debian12-ds.xml"
LATER = "sid"
PROFILE = ["cis_debian12", "--level", "2"]
# Milliseconds of round trip to a host that is not near.
FAR = 20
# Those that look at one host at a time, and take as long for each.
SLOW = ("lynis", "openscap")


def mirror():
    """Where this machine gets its Debian packages from."""
    words = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages"]
    try:
        found = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    uris = [line.split()[0] for line in found.splitlines() if line.endswith(f" {SUITE}")]
    return uris[0].rstrip("/") if uris else None


def root():
    """The Debian that hosts lie over; nothing where it cannot be made."""
    done = ROOT / ".made"
    if done.exists() and done.read_text() == PACKAGES:
        return ROOT
    source = mirror()
    if not shutil.which("debootstrap") or not source:
        return None
    shutil.rmtree(ROOT, ignore_errors=True)
    names = ",".join(PACKAGES.split())
    words = ["debootstrap", "--variant=minbase", f"--include={names}", SUITE, ROOT, source]
    if subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        return None
    content(source)
    done.write_text(PACKAGES)
    return ROOT


def content(source):
    """The rules for OpenSCAP: Debian 12 itself has none for this benchmark, later ones have."""
    package = ROOT / "var/tmp/content.deb"
    try:
        with urllib.request.urlopen(f"{source}/dists/{LATER}/main/binary-amd64/Packages.xz", timeout=120) as answer:
            index = lzma.decompress(answer.read()).decode()
        found = re.search(r"^Package: ssg-debian\n(?:.+\n)*?Filename: (.+)$", index, re.M)
        with urllib.request.urlopen(f"{source}/{found[1]}", timeout=120) as answer:
            package.write_bytes(answer.read())
        subprocess.run(["dpkg-deb", "-x", package, ROOT], check=True, capture_output=True)
    except (OSError, TypeError, lzma.LZMAError, subprocess.CalledProcessError):
        pass
    finally:
        package.unlink(missing_ok=True)


class Palisade(Tool):
    name = "palisade"

    def words(self, lab):
        return [lab.palisade, "audit", *PROFILE, "-i", lab.inventory, "--format", "json"]

    def looked(self, output):
        """How much was looked at on each host."""
        report = json.loads(output[output.index("{") :])
        return min(len(h["findings"]) for h in report["hosts"])

    def trips(self, output):
        report = json.loads(output[output.index("{") :])
        return max(h["round_trips"] for h in report["hosts"])

    def failed(self, cost, lab):
        if cost.code not in (0, 3):
            return f"exit code {cost.code}"
        report = json.loads(cost.output[cost.output.index("{") :])
        lost = [h["host"] for h in report["hosts"] if h.get("trouble")]
        few = len(report["hosts"]) < len(lab.hosts)
        return f"no answer from {lost}" if lost or few else None


class OnHost(Tool):
    """A scanner that is on the host already, and is told to look."""

    command = ""

    def words(self, lab):
        options = ["-i", lab.key, *lab.options, "-o", "ControlPath=none", "-o", "BatchMode=yes"]
        return ["ssh", *options, f"root@{lab.hosts[0][1]}", self.command]


class Lynis(OnHost):
    name = "lynis"
    command = "lynis audit system --cronjob"

    def install(self):
        return None if (ROOT / "usr/sbin/lynis").exists() else "it is not on the hosts"

    def looked(self, output):
        found = re.search(r"Tests performed\s*:\s*(\d+)", output)
        return int(found[1]) if found else None

    def failed(self, cost, lab):
        return None if self.looked(cost.output) else f"exit code {cost.code}"


class OpenScap(OnHost):
    name = "openscap"
    command = f"oscap xccdf eval --profile cis_level2_server /{CONTENT}"

    def install(self):
        if not (ROOT / "usr/bin/oscap").exists():
            return "it is not on the hosts"
        return None if (ROOT / CONTENT).exists() else "its rules were not to be had"

    def looked(self, output):
        return len(re.findall(r"^Result\s", output, re.M))

    def failed(self, cost, lab):
        # 2 is that a rule does not hold.
        return None if cost.code in (0, 2) and self.looked(cost.output) else f"exit code {cost.code}"


def audits(o, lab, rows, counts, note):
    """Audits at one host and at many; the scanners at one."""
    base = root()
    if base is None:
        note("no Debian could be made for hosts to lie over: they lie over this machine's files, all of which are walked over")
    more = ["--root", base] if base else []
    for count in counts:
        lab.down()
        lab.up(count, "--profile", "systemd", *more)
        # What a host does until it has started is not what is measured.
        for name, _ in lab.hosts:
            lab.do("exec", name, "--", "sh", "-c", "systemctl is-system-running --wait; true")
        meter = Meter(lab.name)
        try:
            tools = [Palisade()]
            if count == 1 and not o.no_scanners:
                tools += [t for t in (Lynis(), OpenScap()) if said(t, t.install(), note)]
            measured(o, lab, rows, (tools, "audit"), meter, note)
            if count == 1:
                remove(lab, FAR)
                measured(o, lab, rows, ([Palisade()], "far audit"), meter, note)
        finally:
            meter.close()


def measured(o, lab, rows, what, meter, note):
    tools, which = what
    count = len(lab.hosts)
    for tool in tools:
        for turn in range(1 if tool.name in SLOW else o.runs):
            cost = meter.run(tool.words(lab), tool.env(lab), tool.cwd(lab))
            why = tool.failed(cost, lab)
            if not said(tool, why, note):
                break
            row = {"hosts": count, "tool": tool.name, "pass": which, "turn": turn, "looked": tool.looked(cost.output)}
            if tool.name == "palisade":
                row["trips"] = tool.trips(cost.output)
            for key in ("wall", "controller", "target", "memory", "bytes", "packets"):
                row[key] = getattr(cost, key)
            rows.append(row)
            note(
                f"{count} hosts, turn {turn + 1}, {tool.name:9} {which:9} {cost.wall:7.2f} s  controller {cost.controller:6.2f} s  "
                f"target {cost.target:6.2f} s  {row['looked']} looked at on each"
            )


def said(tool, why, note):
    """Whether a tool can be used; else says why not."""
    if why:
        note(f"{tool.name} is left out: {why}")
    return not why


def goals(count, wall, far, target, trips):
    """What an audit was set out to cost: what, how much, at most, in which unit."""
    found = [
        ("audit, round trips after login", trips, 6, ""),
        ("audit, target CPU a host", target / count, 1.5, "s"),
    ]
    if far is not None:
        found.append((f"audit at {FAR} ms of round trip, wall, login included", far, 1.5, "s"))
    if count >= 50:
        found.append(("audit, wall", wall, 15 * count / 50, "s"))
    return found
