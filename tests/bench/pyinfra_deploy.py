"""The tasks of baseline.yml as one writes them for pyinfra 3."""

from io import StringIO

from pyinfra import host
from pyinfra.facts.files import Directory, File
from pyinfra.facts.server import Hostname
from pyinfra.operations import crontab, files, server

FACTS = {
    "node": host.get_fact(Hostname),
    "domain": "example.internal",
    "listen": "127.0.0.1:8080",
    "workers": 4,
    "log_level": "info",
    "upstreams": ["10.20.0.11", "10.20.0.12", "10.20.0.13"],
    "ntp_servers": ["ntp1.example.internal", "ntp2.example.internal"],
    "admins": ["alice", "bob"],
}
# As Ansible's template module renders.
BLOCKS = {"trim_blocks": True}

server.packages(packages=["coreutils", "sed", "gzip"])
server.packages(packages=["openssh-server"])
server.packages(packages=["base-files"])

server.group(group="ops", gid=3100)
server.group(group="app", gid=3101)
server.user(user="app", uid=3101, group="app", home="/srv/app", shell="/usr/sbin/nologin", comment="Application", ensure_home=False)
for name, uid, group, comment in [
    ("alice", 3201, "ops", "Alice Liddell"),
    ("bob", 3202, "ops", "Bob Hatter"),
    ("release", 3203, "app", "Releases"),
]:
    server.user(user=name, uid=uid, group=group, home=f"/home/{name}", shell="/bin/sh", comment=comment, create_home=True)

for path, user, group, mode in [
    ("/etc/app", "root", "app", "750"),
    ("/etc/app/conf.d", "root", "app", "750"),
    ("/srv/app", "app", "app", "755"),
    ("/srv/app/releases", "release", "app", "755"),
    ("/srv/app/shared", "app", "ops", "2775"),
    ("/var/log/app", "app", "ops", "750"),
    ("/var/lib/app", "app", "app", "700"),
    ("/opt/tools", "root", "root", "755"),
]:
    files.directory(path=path, user=user, group=group, mode=mode)

for src, dest, group, mode in [
    ("issue", "/etc/issue.net", "root", "644"),
    ("profile.sh", "/etc/profile.d/app.sh", "root", "644"),
    ("sudoers", "/etc/sudoers.d/ops", "root", "440"),
    ("logrotate", "/etc/logrotate.d/app", "root", "644"),
    ("ca.pem", "/etc/app/ca.pem", "app", "640"),
    ("backup.sh", "/opt/tools/backup.sh", "root", "755"),
    ("health.sh", "/opt/tools/health.sh", "root", "755"),
    ("mime.types", "/etc/app/mime.types", "app", "640"),
]:
    files.put(src=f"files/{src}", dest=dest, user="root", group=group, mode=mode)
files.put(src=StringIO("Managed by the baseline of example.internal.\n"), dest="/etc/app/managed", user="root", group="root", mode="644")
files.put(src=StringIO("3.14.2\n"), dest="/srv/app/VERSION", user="app", group="app", mode="644")

for src, dest, group, mode in [
    ("motd", "/etc/motd", "root", "644"),
    ("app.conf", "/etc/app/app.conf", "app", "640"),
    ("env", "/etc/app/env", "app", "640"),
    ("proxy.conf", "/etc/app/conf.d/proxy.conf", "app", "640"),
    ("app.service", "/etc/systemd/system/app.service", "root", "644"),
    ("chrony.conf", "/etc/app/chrony.conf", "root", "644"),
    ("limits.conf", "/etc/app/limits.conf", "root", "644"),
    ("access.conf", "/etc/app/access.conf", "root", "640"),
]:
    files.template(src=f"templates/{src}.j2", dest=dest, user="root", group=group, mode=mode, jinja_env_kwargs=BLOCKS, **FACTS)

files.line(path="/etc/login.defs", line=r"^UMASK\s.*", replace="UMASK\t\t027")
files.line(path="/etc/login.defs", line=r"^PASS_MAX_DAYS\s.*", replace="PASS_MAX_DAYS\t365")
files.line(path="/etc/login.defs", line=r"^PASS_MIN_DAYS\s.*", replace="PASS_MIN_DAYS\t1")
files.line(path="/etc/skel/.profile", line="umask 027", escape_regex_characters=True)
files.line(path="/etc/hosts", line=r".*\sdb\.example\.internal$", replace="10.20.0.21 db.example.internal")
files.line(path="/etc/hosts", line=r".*\scache\.example\.internal$", replace="10.20.0.22 cache.example.internal")
files.line(path="/etc/shells", line="/usr/sbin/nologin")
files.line(path="/etc/login.defs", line=r"^HOME_MODE\s.*", replace="HOME_MODE\t0750")

files.block(
    path="/etc/hosts",
    marker="# {mark} upstreams",
    content=["10.20.0.11 up1.example.internal", "10.20.0.12 up2.example.internal", "10.20.0.13 up3.example.internal"],
)
files.block(
    path="/etc/bash.bashrc",
    marker="# {mark} aliases",
    try_prevent_shell_expansion=True,
    content=["alias ll=\"ls -l\"", "alias logs=\"tail -f /var/log/app/app.log\""],
)
files.block(path="/etc/profile", marker="# {mark} history", content=["HISTSIZE=5000", "readonly HISTFILE"])

files.replace(path="/etc/app/limits.conf", text=r"^\(\*\s\+hard\s\+core\s\+\)[^0 ].*$", replace=r"\10")

crontab.crontab(command="/opt/tools/backup.sh", cron_name="backup", minute="17", hour="3")
crontab.crontab(command="/opt/tools/health.sh", cron_name="health", minute="*/5")
crontab.crontab(
    command="find /srv/app/releases -maxdepth 1 -mtime +90 -delete", cron_name="releases", minute="41", hour="4", day_of_week="0"
)

files.link(path="/srv/app/app.conf", target="/etc/app/app.conf")
files.link(path="/usr/local/bin/app-health", target="/opt/tools/health.sh")
files.link(path="/etc/localtime", target="/usr/share/zoneinfo/Etc/UTC")

if host.get_fact(File, path="/var/lib/app/seed") is None:
    server.shell(commands=["dd if=/dev/urandom of=/var/lib/app/seed bs=64 count=1"])
if host.get_fact(File, path="/var/lib/app/db") is None:
    server.shell(commands=["printf 'v1\\n' > /var/lib/app/db"])
if host.get_fact(Directory, path="/srv/app/releases/first") is None:
    server.shell(commands=["mkdir /srv/app/releases/first"])

files.file(path="/etc/crontab", user="root", group="root", mode="600")
files.file(path="/etc/ssh/sshd_config", user="root", group="root", mode="600")
files.file(path="/etc/motd.legacy", present=False)
files.file(path="/etc/app/old.conf", present=False)
