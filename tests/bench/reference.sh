#!/bin/sh
# The tasks of baseline.yml as a good hand writes them for `ssh host sh < reference.sh`: every task
# looks before it writes. `run` puts the text of files in place of their @names@. It is what the tools of
# `make bench` are compared with.
set -eu
umask 022
LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
changed=0
did() { changed=$((changed + 1)); }

# attrs PATH MODE OWNER GROUP
attrs() {
  [ "$(stat -c '%a %U %G' "$1")" != "$2 $3 $4" ] || return 0
  chown "$3:$4" "$1"
  chmod "$2" "$1"
  did
}
dir() {
  [ -d "$1" ] || { mkdir "$1"; did; }
  attrs "$@"
}
# replace PATH TEXT: by rename, so that nobody sees half a file.
replace() {
  printf '%s\n' "$2" > "$1.new"
  mv "$1.new" "$1"
  did
}
# put PATH MODE OWNER GROUP TEXT
put() {
  [ -f "$1" ] && [ "$(cat "$1")" = "$5" ] || replace "$1" "$5"
  attrs "$1" "$2" "$3" "$4"
}
# keep PATH COMMAND…: what the command makes of a file, unless that is the same.
keep() {
  kept=$1
  shift
  old=$(cat "$kept")
  new=$("$@" "$kept")
  [ "$old" = "$new" ] || { printf '%s\n' "$new" > "$kept"; did; }
}
# line PATH WHOLE-LINE-REGEX LINE
line() {
  ! grep -qxF -e "$3" "$1" || return 0
  if grep -q -e "$2" "$1"; then sed -i "s|$2|$3|" "$1"; else printf '%s\n' "$3" >> "$1"; fi
  did
}
# block PATH NAME TEXT
block() {
  want="# BEGIN $2
$3
# END $2"
  [ "$(sed -n "/^# BEGIN $2\$/,/^# END $2\$/p" "$1")" != "$want" ] || return 0
  rest=$(sed "/^# BEGIN $2\$/,/^# END $2\$/d" "$1")
  printf '%s\n%s\n' "$rest" "$want" > "$1"
  did
}
# group NAME GID
group() {
  case $(getent group "$1") in "$1:"*":$2:"*) return 0 ;; esac
  if getent group "$1" > /dev/null; then groupmod -g "$2" "$1"; else groupadd -g "$2" "$1"; fi
  did
}
# user NAME UID GID COMMENT HOME SHELL FLAG
user() {
  case $(getent passwd "$1") in "$1:"*":$2:$3:$4:$5:$6") return 0 ;; esac
  if id -u "$1" > /dev/null 2>&1; then usermod -u "$2" -g "$3" -c "$4" -d "$5" -s "$6" "$1"
  else useradd "$7" -u "$2" -g "$3" -c "$4" -d "$5" -s "$6" "$1"
  fi
  did
}
# packages NAME…
packages() {
  for package; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
      *' installed') ;;
      *) apt-get install -y "$package"; did ;;
    esac
  done
}
# job NAME LINE
job() {
  table=$(crontab -l 2>/dev/null) || table=
  case "
$table
" in *"
# $1
$2
"*) return 0 ;; esac
  { printf '%s\n' "$table" | sed "/^# $1\$/,+1d;/^\$/d"; printf '# %s\n%s\n' "$1" "$2"; } | crontab -
  did
}
# link TARGET PATH
link() {
  [ "$(readlink "$2")" = "$1" ] || { ln -sfn "$1" "$2"; did; }
}
gone() {
  [ ! -e "$1" ] || { rm -rf "$1"; did; }
}

node=$(hostname)
domain=example.internal

packages coreutils sed gzip
packages openssh-server
packages base-files

group ops 3100
group app 3101
user app 3101 3101 Application /srv/app /usr/sbin/nologin -M
user alice 3201 3100 'Alice Liddell' /home/alice /bin/sh -m
user bob 3202 3100 'Bob Hatter' /home/bob /bin/sh -m
user release 3203 3101 Releases /home/release /bin/sh -m

dir /etc/app 750 root app
dir /etc/app/conf.d 750 root app
dir /srv/app 755 app app
dir /srv/app/releases 755 release app
dir /srv/app/shared 2775 app ops
dir /var/log/app 750 app ops
dir /var/lib/app 700 app app
dir /opt/tools 755 root root

put /etc/issue.net 644 root root @files/issue@
put /etc/profile.d/app.sh 644 root root @files/profile.sh@
put /etc/sudoers.d/ops 440 root root @files/sudoers@
put /etc/logrotate.d/app 644 root root @files/logrotate@
put /etc/app/ca.pem 640 root app @files/ca.pem@
put /opt/tools/backup.sh 755 root root @files/backup.sh@
put /opt/tools/health.sh 755 root root @files/health.sh@
put /etc/app/mime.types 640 root app @files/mime.types@
put /etc/app/managed 644 root root 'Managed by the baseline of example.internal.'
put /srv/app/VERSION 644 app app 3.14.2

put /etc/motd 644 root root "$node.$domain

This host is managed; changes made by hand will be undone.
Questions: ops@$domain"
put /etc/app/app.conf 640 root app "# Settings of the application on $node.
[server]
listen = 127.0.0.1:8080
workers = 4
name = $node.$domain

[log]
level = info
file = /var/log/app/app.log

[upstreams]
server1 = 10.20.0.11:9000
server2 = 10.20.0.12:9000
server3 = 10.20.0.13:9000

[database]
host = db.$domain
pool = 20"
put /etc/app/env 640 root app "APP_NODE=$node
APP_LISTEN=127.0.0.1:8080
APP_WORKERS=4
APP_LOG_LEVEL=INFO
APP_UPSTREAMS=10.20.0.11,10.20.0.12,10.20.0.13"
put /etc/app/conf.d/proxy.conf 640 root app "upstream app {
    server 10.20.0.11:9000;
    server 10.20.0.12:9000;
    server 10.20.0.13:9000;
}
server {
    listen 80;
    server_name $node.$domain;
    access_log /var/log/app/access.log;
    location / {
        proxy_pass http://app;
        proxy_set_header Host \$host;
        proxy_set_header X-Forwarded-For \$remote_addr;
    }
}"
put /etc/systemd/system/app.service 644 root root "[Unit]
Description=The application of $domain
After=network.target

[Service]
User=app
Group=app
EnvironmentFile=/etc/app/env
ExecStart=/srv/app/current/bin/app --config /etc/app/app.conf --workers 4
Restart=on-failure
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target"
put /etc/app/chrony.conf 644 root root 'server ntp1.example.internal iburst
server ntp2.example.internal iburst
driftfile /var/lib/chrony/drift
makestep 1 3
rtcsync'
put /etc/app/limits.conf 644 root root 'app  soft  nofile  65536
app  hard  nofile  65536
app  soft  nproc   256
*    hard  core    0'
put /etc/app/access.conf 640 root root '+:alice:ALL
+:bob:ALL
+:root:LOCAL
-:ALL:ALL'

tab=$(printf '\t')
line /etc/login.defs '^UMASK[[:space:]].*' "UMASK$tab${tab}027"
line /etc/login.defs '^PASS_MAX_DAYS[[:space:]].*' "PASS_MAX_DAYS${tab}365"
line /etc/login.defs '^PASS_MIN_DAYS[[:space:]].*' "PASS_MIN_DAYS${tab}1"
line /etc/skel/.profile '^umask 027$' 'umask 027'
line /etc/hosts '.*[[:space:]]db\.example\.internal$' '10.20.0.21 db.example.internal'
line /etc/hosts '.*[[:space:]]cache\.example\.internal$' '10.20.0.22 cache.example.internal'
line /etc/shells '^/usr/sbin/nologin$' /usr/sbin/nologin
line /etc/login.defs '^HOME_MODE[[:space:]].*' "HOME_MODE${tab}0750"

block /etc/hosts upstreams '10.20.0.11 up1.example.internal
10.20.0.12 up2.example.internal
10.20.0.13 up3.example.internal'
block /etc/bash.bashrc aliases "alias ll='ls -l'
alias logs='tail -f /var/log/app/app.log'"
block /etc/profile history 'HISTSIZE=5000
readonly HISTFILE'

keep /etc/app/limits.conf sed 's/^\(\*[[:space:]]\{1,\}hard[[:space:]]\{1,\}core[[:space:]]\{1,\}\).*$/\10/'

job backup '17 3 * * * /opt/tools/backup.sh'
job health '*/5 * * * * /opt/tools/health.sh'
job releases '41 4 * * 0 find /srv/app/releases -maxdepth 1 -mtime +90 -delete'

link /etc/app/app.conf /srv/app/app.conf
link /opt/tools/health.sh /usr/local/bin/app-health
link /usr/share/zoneinfo/Etc/UTC /etc/localtime

[ -e /var/lib/app/seed ] || { dd if=/dev/urandom of=/var/lib/app/seed bs=64 count=1 2>/dev/null; did; }
[ -e /var/lib/app/db ] || { printf 'v1\n' > /var/lib/app/db; did; }
[ -e /srv/app/releases/first ] || { mkdir /srv/app/releases/first; did; }

attrs /etc/crontab 600 root root
attrs /etc/ssh/sshd_config 600 root root

gone /etc/motd.legacy
gone /etc/app/old.conf

echo "changed=$changed"
