"""What a run costs: wall time, processor time on both sides, memory, bytes on the wire."""

import os
import pathlib
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field

# How often memory is looked at: often in a short run, to see its peak, seldom in a long one, not to
# slow it.
LOOK_AT_FIRST = 0.01
LOOK_LATER = 0.2
# A tool that takes longer than this for one run is given up on.
LONGEST = 1800


@dataclass
class Cost:
    """One run of one tool."""

    wall: float
    controller: float
    target: float
    memory: int
    bytes: int
    packets: int
    output: str = field(repr=False)
    code: int = 0


def groups(name):
    """Where a control group of this name accounts for processor time, and how to read it."""
    for mounts in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, at, kind, options = mounts.split(" ")[:4]
        if kind == "cgroup" and "cpuacct" in options.split(","):
            yield pathlib.Path(at) / name, "cpuacct.usage"
        elif kind == "cgroup2":
            yield pathlib.Path(at) / name, "cpu.stat"


def used(group, file):
    """Seconds of processor a group has used, ended processes and groups below it included."""
    text = (group / file).read_text()
    if file == "cpuacct.usage":
        return int(text) / 1e9
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("usage_usec")) / 1e6


class Meter:
    """Measures commands against the hosts of a lab."""

    def __init__(self, lab):
        self.device = pathlib.Path(f"/sys/class/net/pl-{lab}/statistics")
        self.lab = next(((g, f) for g, f in groups(f"palisade-lab-{lab}") if (g / f).exists()), None)
        if self.lab is None:
            raise SystemExit("bench: no control group accounts for the lab's processor time on this machine")
        self.own = self.lab[0].with_name(f"palisade-bench-{lab}")
        self.own.mkdir(exist_ok=True)

    def close(self):
        self.sweep()
        for _ in range(50):
            try:
                self.own.rmdir()
                return
            except OSError:
                time.sleep(0.02)

    def pids(self):
        return [int(p) for p in (self.own / "cgroup.procs").read_text().split()]

    def sweep(self):
        """Ends what a tool left behind, so that each run logs in anew."""
        for _ in range(100):
            left = self.pids()
            if not left:
                return
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.02)

    def wire(self):
        def read(*names):
            return sum(int((self.device / n).read_text()) for n in names)

        return read("rx_bytes", "tx_bytes"), read("rx_packets", "tx_packets")

    def run(self, words, env, cwd):
        """Runs a command in a group of its own and says what it cost."""
        procs = str(self.own / "cgroup.procs")

        def enter():
            with open(procs, "w") as f:
                f.write("0")

        peak = Peak(self)
        before = (used(self.own, self.lab[1]), used(*self.lab), *self.wire())
        began = time.monotonic()
        child = subprocess.Popen(
            words, env=env, cwd=cwd, preexec_fn=enter, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        peak.start()
        guard = threading.Timer(LONGEST, self.sweep)
        guard.start()
        # Whoever a tool leaves behind may hold the pipe open, so its end is not waited for.
        chunks = []
        reader = threading.Thread(target=lambda: chunks.extend(iter(lambda: child.stdout.read1(65536), b"")), daemon=True)
        reader.start()
        _, status = os.waitpid(child.pid, 0)
        wall = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        guard.cancel()
        peak.stop()
        self.sweep()
        reader.join(5)
        after = (used(self.own, self.lab[1]), used(*self.lab), *self.wire())
        delta = [b - a for a, b in zip(before, after)]
        output = b"".join(chunks).decode("utf-8", "replace")
        return Cost(wall, delta[0], delta[1], peak.seen, delta[2], delta[3], output, child.returncode)


class Peak(threading.Thread):
    """The most memory the processes of a run held: all together at one moment, or one of them ever.

    The kernel's own figure for an ended child begins with what this program held when it forked, so
    it is of no use here.
    """

    def __init__(self, meter):
        super().__init__(daemon=True)
        self.meter = meter
        self.seen = 0
        self.over = threading.Event()

    def run(self):
        began = time.monotonic()
        while not self.over.wait(LOOK_AT_FIRST if time.monotonic() - began < 1 else LOOK_LATER):
            together = 0
            for pid in self.meter.pids():
                try:
                    status = pathlib.Path(f"/proc/{pid}/status").read_text()
                except OSError:
                    continue
                held = {line[:5]: int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(("VmHWM", "VmRSS"))}
                together += held.get("VmRSS", 0)
                self.seen = max(self.seen, held.get("VmHWM", 0))
            self.seen = max(self.seen, together)

    def stop(self):
        self.over.set()
        self.join()
