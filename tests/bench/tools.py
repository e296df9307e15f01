"""The tools that are compared: how each is installed, called and asked whether it changed anything."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = ROOT / "target"
VENVS = TARGET / "bench-venv"

# Both lines keep within what the other supports.
ANSIBLE = ["ansible-core==2.19.*", "mitogen==0.3.*"]
PYINFRA = ["pyinfra==3.*"]


class Lab:
    """The hosts, as their inventory tells of them."""

    def __init__(self, palisade, name, work):
        self.palisade = palisade
        self.name = name
        self.work = work
        self.inventory = work / "inventory.ini"

    def do(self, *words):
        done = subprocess.run([self.palisade, "lab", "--name", self.name, *words], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench: lab {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def down(self):
        """Ends the hosts, if there are any."""
        subprocess.run([self.palisade, "lab", "--name", self.name, "down"], capture_output=True)

    def up(self, count, *more):
        self.do("up", str(count), *map(str, more))
        text = self.do("inventory")
        self.inventory.write_text(text)
        self.hosts = re.findall(r"^(\S+) ansible_host=(\S+)", text, re.M)
        self.key = re.search(r"^ansible_ssh_private_key_file=(.+)$", text, re.M)[1].strip("'\"")
        common = re.search(r"^ansible_ssh_common_args=(.+)$", text, re.M)[1].strip("'\"")
        self.options = shlex.split(common)
        self.known = next(o.split("=", 1)[1] for o in self.options if o.startswith("UserKnownHostsFile="))
        if len(self.hosts) != count:
            raise SystemExit(f"bench: {count} hosts were asked for, {len(self.hosts)} are up; `lab --name {self.name} down` first")

    def reset(self):
        self.do("reset")


class Tool:
    name = ""

    def install(self):
        """Why it cannot be used, if it cannot."""

    def prepare(self, lab):
        """Writes what it needs for these hosts."""

    def words(self, lab):
        raise NotImplementedError

    def env(self, lab):
        keep = ("PATH", "HOME", "LANG", "USER", "TMPDIR", "SSH_AUTH_SOCK")
        env = {k: v for k, v in os.environ.items() if k in keep}
        return {**env, "PYTHONPYCACHEPREFIX": str(TARGET / "bench-pycache")}

    def cwd(self, lab):
        return HERE

    def changed(self, output):
        """How many changes it says it made, all hosts together; None if it does not say."""
        found = re.findall(r"\bchanged=(\d+)", output)
        return sum(map(int, found)) if found else None

    def failed(self, cost, lab):
        """Why the run does not count, if it does not."""
        bad = re.search(r"\b(?:failed|unreachable)=[1-9]\d*", cost.output)
        if cost.code != 0 or bad:
            return f"exit code {cost.code}" + (f", {bad[0]}" if bad else "")
        return None


class Palisade(Tool):
    name = "palisade"

    def words(self, lab):
        # Nobody else confirms a change of sudoers by a new login, so what that costs is not compared.
        return [lab.palisade, "playbook", "--guard", "off", "-i", lab.inventory, HERE / "baseline.yml"]


class Reference(Tool):
    name = "reference"

    def prepare(self, lab):
        def file(found):
            text = (HERE / "files" / found[1]).read_text().removesuffix("\n")
            return "'" + text.replace("'", "'\\''") + "'"

        text = re.sub(r"@files/([\w.]+)@", file, (HERE / "reference.sh").read_text())
        script = lab.work / "reference.sh"
        script.write_text(text)
        options = shlex.join(["-i", lab.key, *lab.options, "-o", "ControlPath=none", "-o", "BatchMode=yes"])
        hosts = "\n".join(address for _, address in lab.hosts)
        run = lab.work / "reference-run"
        run.write_text(
            f"#!/bin/sh\nxargs -P {len(lab.hosts)} -I HOST "
            f"sh -c 'exec ssh {options} root@HOST sh < {script}' <<'END'\n{hosts}\nEND\n"
        )
        run.chmod(0o755)

    def words(self, lab):
        return [lab.work / "reference-run"]

    def failed(self, cost, lab):
        told = len(re.findall(r"^changed=", cost.output, re.M))
        return None if cost.code == 0 and told == len(lab.hosts) else f"{told} of {len(lab.hosts)} hosts came to the end"


def venv(name, packages):
    """A virtual environment with these packages, made once."""
    at = VENVS / name
    done = at / ".installed"
    if done.exists() and done.read_text() == " ".join(packages):
        return None
    try:
        subprocess.run([sys.executable, "-m", "venv", at], check=True, capture_output=True)
        subprocess.run([at / "bin/pip", "install", "-q", *packages], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as e:
        why = getattr(e, "stderr", None) or str(e).encode()
        return f"not installed: {why.decode(errors='replace').strip().splitlines()[-1]}"
    done.write_text(" ".join(packages))
    return None


class Ansible(Tool):
    name = "ansible"

    def install(self):
        return venv("ansible", ANSIBLE)

    def words(self, lab):
        return [VENVS / "ansible/bin/ansible-playbook", "-i", lab.inventory, HERE / "baseline.yml"]

    def env(self, lab):
        control = lab.work / "cp"
        control.mkdir(exist_ok=True)
        return {
            **super().env(lab),
            "PATH": f"{VENVS}/ansible/bin:{os.environ['PATH']}",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_FORKS": str(len(lab.hosts)),
            "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(control),
            "ANSIBLE_HOME": str(TARGET / "bench-ansible-home"),
            "ANSIBLE_NOCOLOR": "1",
        }


class Mitogen(Ansible):
    name = "mitogen"

    def env(self, lab):
        plugins = next((VENVS / "ansible/lib").glob("python3*/site-packages/ansible_mitogen/plugins/strategy"))
        return {**super().env(lab), "ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": str(plugins)}


class Pyinfra(Tool):
    name = "pyinfra"

    def install(self):
        return venv("pyinfra", PYINFRA)

    def prepare(self, lab):
        common = {
            "ssh_user": "root",
            "ssh_key": lab.key,
            "ssh_known_hosts_file": lab.known,
            "ssh_strict_host_key_checking": "yes",
        }
        hosts = [(name, {"ssh_hostname": address, **common}) for name, address in lab.hosts]
        (lab.work / "pyinfra_inventory.py").write_text(f"hosts = {hosts!r}\n")

    def words(self, lab):
        inventory, deploy = lab.work / "pyinfra_inventory.py", HERE / "pyinfra_deploy.py"
        return [VENVS / "pyinfra/bin/pyinfra", "-y", "--parallel", str(len(lab.hosts)), inventory, deploy]

    def changed(self, output):
        """The grand total's row: operations, changed, and so on, after colours are taken off."""
        plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
        total = re.findall(r"Grand total\s+(\d+|-)\s+(\d+|-)", plain)
        if not total:
            return None
        return 0 if total[-1][1] == "-" else int(total[-1][1])


TOOLS = {t.name: t for t in (Reference(), Palisade(), Pyinfra(), Mitogen(), Ansible())}


def results(path, rows):
    path.write_text(json.dumps(rows, indent=1) + "\n")
