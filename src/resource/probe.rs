//! Many questions, one script.
//!
//! Questions of one kind are merged into as few commands as the kind can manage; each kind keeps the
//! range of records that answers it.

use std::ops::Range;

use super::reply::Record;
use super::script::Script;
use super::{
    Query, Resource, State, archive, crontab, facts, getent, hostname, look, module, mount, nft,
    package, process, ssh_algorithms, sysctl, texts, tree, unit, user, walk,
};

/// The text of a batch of questions, and how to read its answers.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    pub script: Script,
    parts: Vec<Part>,
}

/// The questions of one kind and the numbers of the records that answer them.
#[derive(Clone, Debug)]
struct Part {
    kind: Kind,
    queries: Vec<Query>,
    records: Range<usize>,
}

/// Which file of this folder knows about a resource. In the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    File,
    Tree,
    Glob,
    Texts,
    Hostname,
    SshAlgorithms,
    /// Users and groups together: one look at the group database serves both.
    Account,
    Getent,
    Package,
    Facts,
    Unit,
    Process,
    Sysctl,
    Mount,
    Module,
    Walk,
    Filter,
    Sockets,
    Archive,
    Crontab,
    /// Things of the controller's: no host is asked about them.
    Elsewhere,
}

impl Kind {
    fn of(resource: &Resource) -> Kind {
        match resource {
            Resource::File(_) | Resource::Target(_) => Kind::File,
            Resource::Tree(_) => Kind::Tree,
            Resource::Glob(_) => Kind::Glob,
            Resource::Texts(_) => Kind::Texts,
            Resource::Hostname => Kind::Hostname,
            Resource::SshAlgorithms(_) => Kind::SshAlgorithms,
            Resource::User(_) | Resource::Group(_) => Kind::Account,
            Resource::Getent { .. } => Kind::Getent,
            Resource::Unit { .. } => Kind::Unit,
            Resource::Process(_) => Kind::Process,
            Resource::Sysctl(_) => Kind::Sysctl,
            Resource::Mount(_) => Kind::Mount,
            Resource::Module(_) => Kind::Module,
            Resource::Walk(_) => Kind::Walk,
            Resource::Ruleset | Resource::Table(_) => Kind::Filter,
            Resource::Sockets => Kind::Sockets,
            Resource::Archive(_) => Kind::Archive,
            Resource::Crontab(_) => Kind::Crontab,
            Resource::Package { .. }
            | Resource::PackageIndex(_)
            | Resource::PackageUpgrade { .. } => Kind::Package,
            Resource::Facts(_) => Kind::Facts,
            _ => Kind::Elsewhere,
        }
    }

    fn ask(self, queries: &[&Query], script: &mut Script) {
        match self {
            Kind::File => look::ask(queries, script),
            Kind::Tree => tree::ask(queries, script),
            Kind::Glob => tree::ask_globs(queries, script),
            Kind::Texts => texts::ask(queries, script),
            Kind::Hostname => hostname::ask(queries, script),
            Kind::SshAlgorithms => ssh_algorithms::ask(queries, script),
            Kind::Account => user::ask(queries, script),
            Kind::Getent => getent::ask(queries, script),
            Kind::Package => package::ask(queries, script),
            Kind::Facts => facts::ask(queries, script),
            Kind::Unit => unit::ask(queries, script),
            Kind::Process => process::ask(queries, script),
            Kind::Sysctl => sysctl::ask(queries, script),
            Kind::Mount => mount::ask(queries, script),
            Kind::Module => module::ask(queries, script),
            Kind::Walk => walk::ask(queries, script),
            Kind::Filter => nft::ask(queries, script),
            Kind::Sockets => nft::ask_sockets(queries, script),
            Kind::Archive => archive::ask(queries, script),
            Kind::Crontab => crontab::ask(queries, script),
            Kind::Elsewhere => {}
        }
    }

    fn read(self, queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
        match self {
            Kind::File => look::read(queries, records),
            Kind::Tree => tree::read(queries, records),
            Kind::Glob => tree::read_globs(queries, records),
            Kind::Texts => texts::read(queries, records),
            Kind::Hostname => hostname::read(queries, records),
            Kind::SshAlgorithms => ssh_algorithms::read(queries, records),
            Kind::Account => user::read(queries, records),
            Kind::Getent => getent::read(queries, records),
            Kind::Package => package::read(queries, records),
            Kind::Facts => facts::read(queries, records),
            Kind::Unit => unit::read(queries, records),
            Kind::Process => process::read(queries, records),
            Kind::Sysctl => sysctl::read(queries, records),
            Kind::Mount => mount::read(queries, records),
            Kind::Module => module::read(queries, records),
            Kind::Walk => walk::read(queries, records),
            Kind::Filter => nft::read(queries, records),
            Kind::Sockets => nft::read_sockets(queries, records),
            Kind::Archive => archive::read(queries, records),
            Kind::Crontab => crontab::read(queries, records),
            Kind::Elsewhere => Ok(vec![
                State::Refused(
                    "there is no way of asking a host about it".into()
                );
                queries.len()
            ]),
        }
    }
}

impl Probe {
    /// Merges questions of one kind into one command each.
    pub fn new(queries: &[Query]) -> Probe {
        Probe::within(queries, Script::new())
    }

    /// The same as a continuation of a script that has records already.
    pub fn within(queries: &[Query], mut script: Script) -> Probe {
        let mut sorted: Vec<&Query> = queries.iter().collect();
        sorted.sort_by_key(|q| Kind::of(&q.on));
        let mut parts = Vec::new();
        for same in sorted.chunk_by(|a, b| Kind::of(&a.on) == Kind::of(&b.on)) {
            let kind = Kind::of(&same[0].on);
            let from = script.next();
            kind.ask(same, &mut script);
            let queries = same.iter().map(|q| (*q).clone()).collect();
            parts.push(Part {
                kind,
                queries,
                records: from..script.next(),
            });
        }
        Probe { script, parts }
    }

    /// The number of the first record that answers it.
    pub(super) fn first(&self) -> usize {
        self.parts.first().map_or(0, |p| p.records.start)
    }

    /// The states the records tell of, for every query that was asked. Records of other numbers
    /// are passed over.
    ///
    /// # Errors
    /// Says what is wrong with a reply that is not what was asked for.
    pub fn read(&self, records: &[Record]) -> Result<Vec<(Query, State)>, String> {
        let mut out = Vec::new();
        for part in &self.parts {
            let mine: Vec<Record> = records
                .iter()
                .filter(|r| part.records.contains(&r.number))
                .cloned()
                .collect();
            let in_order = part.records.clone().eq(mine.iter().map(|r| r.number));
            if !in_order {
                return Err(format!(
                    "{} of {} answers came",
                    mine.len(),
                    part.records.len()
                ));
            }
            let queries: Vec<&Query> = part.queries.iter().collect();
            let states = part.kind.read(&queries, &mine)?;
            out.extend(part.queries.iter().cloned().zip(states));
        }
        Ok(out)
    }
}
