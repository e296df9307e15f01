//! What may go wrong with a host, on demand: tests of failure need hosts that fail.

use super::error::LabError;
use super::run::run;
use super::{Lab, boot, cgroup, find, net};

/// Where [`Lab::disk`] puts a small disk unless told otherwise.
pub const DISK: &str = "/mnt/disk";

impl Lab {
    /// Stops every process of a host: connections open, nobody answers.
    pub fn freeze(&self, host: &str) -> Result<(), LabError> {
        self.frozen(host, true)
    }

    pub fn thaw(&self, host: &str) -> Result<(), LabError> {
        self.frozen(host, false)
    }

    fn frozen(&self, host: &str, frozen: bool) -> Result<(), LabError> {
        let host = find(&self.store.read()?, host)?.name.clone();
        if cgroup::freeze(&self.store.name, &host, frozen) {
            return Ok(());
        }
        let what = if frozen {
            "freezing a host"
        } else {
            "thawing a host"
        };
        Err(LabError::Refused {
            what: what.into(),
            why: "no control group can be written".into(),
        })
    }

    /// Unplugs a host's cable: packets vanish.
    pub fn cut(&self, host: &str) -> Result<(), LabError> {
        net::cable(&self.store, &find(&self.store.read()?, host)?.name, false)
    }

    pub fn heal(&self, host: &str) -> Result<(), LabError> {
        net::cable(&self.store, &find(&self.store.read()?, host)?.name, true)
    }

    /// Ends the SSH server and every session of it: connections are refused until a restart.
    pub fn kill_server(&self, host: &str) -> Result<(), LabError> {
        let kill = "for p in /proc/[0-9]*; do read -r name <$p/comm || continue; \
                    case $name in sshd*|dropbear|palisade) kill -9 ${p#/proc/};; esac; done 2>/dev/null; :";
        self.inside(host, &["sh", "-c", kill]).map(drop)
    }

    /// Mounts a disk of this size (`64k`, `1m`) on a directory of the host, to be filled up.
    pub fn disk(&self, host: &str, size: &str, at: &str) -> Result<(), LabError> {
        let rule = "a number with k, m or g";
        let number = size.trim_end_matches(['k', 'm', 'g']);
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(LabError::BadName {
                what: "a size",
                given: size.into(),
                rule,
            });
        }
        let mount = "mkdir -p \"$1\" && mount -t tmpfs -o \"size=$0\" tmpfs \"$1\"";
        self.inside(host, &["sh", "-c", mount, size, at]).map(drop)
    }

    /// Runs a command in a host and gives its stdout.
    pub fn inside(&self, host: &str, words: &[&str]) -> Result<String, LabError> {
        let words: Vec<String> = words.iter().map(|w| (*w).to_string()).collect();
        let output = self
            .exec(host, &words)?
            .stdin(std::process::Stdio::null())
            .output()
            .map_err(|e| super::run::not_started("nsenter", e))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(LabError::Command {
            command: words.join(" "),
            status: output.status.to_string(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Pulls the plug and leaves the host down, until it is restarted or reset.
    pub fn halt(&self, host: &str) -> Result<(), LabError> {
        boot::stop(&self.store, &find(&self.store.read()?, host)?.name);
        Ok(())
    }
}

/// What exactly is missing for somebody who is not root.
pub(crate) fn without_root() -> String {
    let own = [
        "--user",
        "--map-root-user",
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--",
        "true",
    ];
    match run("unshare", &own, "") {
        Ok(_) => "user namespaces work here, but in one without root there is no second user id \
                  (sshd and sudo need one) and no cable from a host to this machine"
            .into(),
        Err(LabError::Command { stderr, .. }) => {
            format!("user namespaces are refused too ({})", stderr.trim())
        }
        Err(other) => other.to_string(),
    }
}
