//! The table of actions, and finding one by any of its names.

use super::args::Spec;

/// Every action there is, by name.
pub static ACTIONS: &[&Spec] = &[
    &super::accounts::SPEC,
    &super::apt::SPEC,
    &super::assert::SPEC,
    &super::async_status::SPEC,
    &super::auditd_rules::SPEC,
    &super::authorized_key::SPEC,
    &super::blockinfile::SPEC,
    &super::command::SPEC,
    &super::conf_value::SPEC,
    &super::copy::SPEC,
    &super::cron::SPEC,
    &super::dconf::SPEC,
    &super::debug::SPEC,
    &super::fail::SPEC,
    &super::fetch::SPEC,
    &super::file::SPEC,
    &super::find_none::SPEC,
    &super::get_url::SPEC,
    &super::getent::SPEC,
    &super::group::SPEC,
    &super::grub_cmdline::SPEC,
    &super::hostname::SPEC,
    &super::include_vars::SPEC,
    &super::line_anywhere::SPEC,
    &super::lineinfile::SPEC,
    &super::login_defs::SPEC,
    &super::meta::SPEC,
    &super::modprobe::SPEC,
    &super::mount::SPEC,
    &super::mount_options::SPEC,
    &super::nftables::SPEC,
    &super::package::SPEC,
    &super::pam::SPEC,
    &super::pam_limits::SPEC,
    &super::pam_profile::SPEC,
    &super::path_mode::SPEC,
    &super::pause::SPEC,
    &super::ping::SPEC,
    &super::raw::SPEC,
    &super::reboot::SPEC,
    &super::replace::SPEC,
    &super::script::SPEC,
    &super::service::SPEC,
    &super::service_unused::SPEC,
    &super::set_fact::SPEC,
    &super::setup::SPEC,
    &super::shell::SPEC,
    &super::slurp::SPEC,
    &super::ssh_moduli::SPEC,
    &super::sshd_config::SPEC,
    &super::stat::SPEC,
    &super::sudoers::SPEC,
    &super::sysctl::SPEC,
    &super::sysctl_value::SPEC,
    &super::systemd::SPEC,
    &super::systemd_dropin::SPEC,
    &super::sysvinit::SPEC,
    &super::tempfile::SPEC,
    &super::template::SPEC,
    &super::unarchive::SPEC,
    &super::uri::SPEC,
    &super::user::SPEC,
    &super::wait_for::SPEC,
    &super::wait_for_connection::SPEC,
];

/// What only this program says, in plays that it makes itself. Their names are no words of playbooks.
static OWN: &[&Spec] = &[&super::planned::SPEC, &super::put_back::SPEC];

/// The action a playbook means by a name: short, `ansible.builtin.x`, `ansible.legacy.x`, or with the
/// collection it belongs to.
pub fn find(name: &str) -> Option<&'static Spec> {
    let (collection, short) = match name.rsplit_once('.') {
        Some((collection, short)) => (Some(collection), short),
        None => (None, name),
    };
    let own = |spec: &&&'static Spec| collection == Some("palisade") && spec.name == short;
    if let Some(spec) = OWN.iter().find(own) {
        return Some(spec);
    }
    ACTIONS.iter().copied().find(|spec| {
        let named = spec.name == short || spec.aliases.contains(&short);
        let homed = collection.is_none_or(|c| {
            c == spec.collection
                || c == "ansible.legacy"
                || c == "ansible.builtin"
                || (c == "community.general" && spec.collection == "ansible.posix")
        });
        named && homed
    })
}
