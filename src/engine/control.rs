//! What the engine does itself: meta actions, pauses, waiting for hosts, reboots, reading variables.

use std::time::{Duration, Instant};

use crate::action::{Control, IncludeVars, Meta, Reboot};
use crate::resource::{Folder, Run};
use crate::result;
use crate::source::{Code, Diagnostic, Kind, Mapping, Node, Value};
use crate::vars::{SearchPath, TemplateError, Var, Vars};

use super::event::{Event, HostName, TaskRef};
use super::prepare::find;
use super::runner::{Life, Runner};
use super::sending::{StepOutcome, Work};
use super::settings::Settings;
use super::verdict::Raw;

/// The shortest wait between two tries of reaching a host.
const SHORTEST: Duration = Duration::from_millis(200);

impl Runner {
    /// Carries out one control; the error is the task's failure.
    pub(super) async fn control(
        &mut self,
        to: &HostName,
        settings: &Settings,
        name: &TaskRef,
        control: &Control,
    ) -> Result<Mapping, Box<Raw>> {
        match control {
            Control::Meta(meta) => self.meta(meta).await,
            Control::Pause {
                seconds,
                prompt,
                echo,
                unit,
            } => {
                let began = Instant::now();
                let start = self.ctx.templar.clock();
                let input = self.pause(name, *seconds, prompt.as_deref(), *echo).await;
                let spent = began.elapsed();
                let shown = match *unit {
                    "seconds" => spent.as_secs_f64(),
                    _ => spent.as_secs_f64() / 60.0,
                };
                let shown = (shown * 100.0).round() / 100.0;
                Ok(result! {
                    "delta" => spent.as_secs(), "echo" => *echo, "rc" => 0, "start" => start,
                    "stderr" => "", "stdout" => format!("Paused for {shown:?} {unit}"),
                    "stop" => self.ctx.templar.clock(), "user_input" => input,
                })
            }
            Control::IncludeVars(include) => self.include_vars(include, name),
            Control::WaitForConnection {
                connect_timeout,
                delay,
                sleep,
                timeout,
            } => {
                let limits = Waiting {
                    delay: Duration::from_secs(*delay),
                    sleep: Duration::from_secs(*sleep).max(SHORTEST),
                    timeout: Duration::from_secs(*timeout),
                    each: Duration::from_secs(*connect_timeout),
                };
                let began = Instant::now();
                self.ctx.sessions.forget(to).await;
                self.wait_for_host(to, &limits, name, None).await?;
                Ok(result! { "elapsed" => began.elapsed().as_secs() })
            }
            Control::Reboot(reboot) => self.reboot(to, settings, name, reboot).await,
            Control::Job(job) => self.ask_job(to, settings, name, job).await,
        }
    }

    async fn meta(&mut self, meta: &Meta) -> Result<Mapping, Box<Raw>> {
        match meta {
            Meta::Noop | Meta::RefreshInventory => {}
            Meta::FlushHandlers => {
                if !self.notified.is_empty() {
                    self.cursor.push_handlers(self.play.handler_items());
                }
            }
            Meta::ClearFacts => self.ctx.fleet.clear_facts(&self.host),
            Meta::ClearHostErrors => self.play.revive(),
            Meta::EndHost => {
                self.cursor.clear();
                self.life = Life::Ended;
            }
            Meta::EndPlay => {
                self.play.end();
                self.cursor.clear();
                self.life = Life::Ended;
            }
            Meta::EndBatch => {
                self.play.end_batch();
                self.cursor.clear();
                self.life = Life::Ended;
            }
            Meta::EndRole => self.cursor.leave_role(),
            Meta::ResetConnection => {
                self.ctx.sessions.forget(&self.host).await;
                self.seen.clear();
            }
        }
        Ok(Mapping::new())
    }

    async fn pause(
        &mut self,
        name: &TaskRef,
        seconds: Option<u64>,
        prompt: Option<&str>,
        echo: bool,
    ) -> String {
        match seconds {
            Some(seconds) => {
                if let Some(text) = prompt {
                    self.play.show(&self.ctx, text);
                }
                self.sleep_telling(Duration::from_secs(seconds), "the pause to end")
                    .await;
                String::new()
            }
            None => {
                let text = prompt.unwrap_or("Press enter to continue, Ctrl+C to interrupt");
                self.play.ask(&self.ctx, name, text, echo).await
            }
        }
    }

    async fn sleep_telling(&self, time: Duration, what: &str) {
        let began = Instant::now();
        while began.elapsed() < time && !self.ctx.stopping() {
            let rest = time.saturating_sub(began.elapsed());
            self.ctx
                .stop
                .sleep(rest.min(self.ctx.options.waiting))
                .await;
            if began.elapsed() < time {
                self.tell_waiting(&self.host, what, began);
            }
        }
    }

    fn tell_waiting(&self, host: &HostName, what: &str, began: Instant) {
        let (host, what) = (host.clone(), what.to_owned());
        self.ctx.tell(Event::Waiting {
            host,
            what,
            seconds: began.elapsed().as_secs(),
        });
    }

    /// Tries to reach a host until it answers, and answers as it should.
    async fn wait_for_host(
        &mut self,
        to: &HostName,
        limits: &Waiting,
        name: &TaskRef,
        test: Option<(&Run, &Settings)>,
    ) -> Result<(), Box<Raw>> {
        let began = Instant::now();
        self.ctx.stop.sleep(limits.delay).await;
        let mut told = Instant::now();
        loop {
            let error = match self.answers(to, limits.each, test, name).await {
                None => return Ok(()),
                Some(error) => error,
            };
            if self.ctx.stopping() {
                return Err(Box::new(Raw {
                    failed: Some(format!(
                        "the run was stopped while waiting for {to}: {error}"
                    )),
                    ..Raw::default()
                }));
            }
            if began.elapsed() >= limits.timeout {
                let seconds = limits.timeout.as_secs();
                let text = format!("timed out after {seconds} s waiting for {to}: {error}");
                return Err(Box::new(Raw {
                    failed: Some(text),
                    ..Raw::default()
                }));
            }
            if told.elapsed() >= self.ctx.options.waiting {
                self.tell_waiting(to, "the host to answer", began);
                told = Instant::now();
            }
            self.ctx.stop.sleep(limits.sleep).await;
        }
    }

    /// Why a host does not answer; `None` if it does.
    async fn answers(
        &self,
        to: &HostName,
        each: Duration,
        test: Option<(&Run, &Settings)>,
        name: &TaskRef,
    ) -> Option<String> {
        let step = test.map(|(run, _)| crate::action::Step::Run(run.clone()));
        let fallback = Settings::default();
        let settings = test.map_or(&fallback, |(_, s)| s);
        let work = step.iter().map(|s| Work::new(s, settings, name)).collect();
        let sessions = &self.ctx.sessions;
        let asked = sessions.exchange(self.errand(to, settings), work, &[]);
        let error = match tokio::time::timeout(each.max(Duration::from_secs(1)), asked).await {
            Err(_) => "no answer in time".to_owned(),
            Ok(Err(error)) => error.message,
            Ok(Ok(exchange)) => match exchange.outcomes.into_iter().next() {
                None | Some(StepOutcome::Done(_)) => return None,
                Some(StepOutcome::Failed(raw)) => raw.failed.unwrap_or_default(),
                Some(StepOutcome::NotRun) => "the test was not run".into(),
            },
        };
        sessions.forget(to).await;
        Some(error)
    }

    async fn reboot(
        &mut self,
        to: &HostName,
        settings: &Settings,
        name: &TaskRef,
        reboot: &Reboot,
    ) -> Result<Mapping, Box<Raw>> {
        let began = Instant::now();
        let failed = |text: String| {
            let mut raw = Raw {
                failed: Some(text),
                ..Raw::default()
            };
            raw.result.insert("rebooted".into(), false.into());
            Box::new(raw)
        };
        let before = self
            .output(to, settings, name, &reboot.boot_id)
            .await
            .map_err(&failed)?;
        // The connection may be gone before the command's verdict comes: that is no failure here.
        let step = crate::action::Step::Run(reboot.reboot.clone());
        let work = vec![Work::new(&step, settings, name)];
        let sessions = std::sync::Arc::clone(&self.ctx.sessions);
        let errand = self.errand(to, settings);
        let sent = sessions.exchange(errand, work, &[]).await;
        if let Ok(exchange) = sent
            && let Some(StepOutcome::Failed(raw)) = exchange.outcomes.into_iter().next()
        {
            return Err(failed(format!(
                "the reboot command failed: {}",
                raw.failed.clone().unwrap_or_default()
            )));
        }
        let limits = Waiting {
            delay: Duration::from_secs(reboot.post_delay),
            sleep: Duration::from_secs(1),
            timeout: Duration::from_secs(reboot.timeout),
            each: Duration::from_secs(reboot.connect_timeout),
        };
        loop {
            sessions.forget(to).await;
            self.wait_for_host(to, &limits, name, Some((&reboot.test_command, settings)))
                .await?;
            let after = self.output(to, settings, name, &reboot.boot_id).await;
            if after.is_ok_and(|id| id != before) {
                break;
            }
            if began.elapsed() >= limits.timeout {
                return Err(failed("the host answers but has not been rebooted".into()));
            }
            tokio::time::sleep(limits.sleep).await;
        }
        self.seen.clear();
        Ok(
            result! { "rebooted" => true, "elapsed" => began.elapsed().as_secs(), "changed" => true },
        )
    }

    /// What a program prints.
    async fn output(
        &self,
        to: &HostName,
        settings: &Settings,
        name: &TaskRef,
        run: &Run,
    ) -> Result<String, String> {
        let step = crate::action::Step::Run(run.clone());
        let work = vec![Work::new(&step, settings, name)];
        let sessions = &self.ctx.sessions;
        let errand = self.errand(to, settings);
        let answer = sessions.exchange(errand, work, &[]).await;
        let outcome = answer.map_err(|e| e.message)?.outcomes.into_iter().next();
        match outcome {
            Some(StepOutcome::Done(crate::action::Done::Ran(ran))) => {
                Ok(String::from_utf8_lossy(&ran.stdout).trim().to_owned())
            }
            Some(StepOutcome::Failed(raw)) => Err(raw.failed.unwrap_or_default()),
            _ => Err("no verdict".into()),
        }
    }

    /// Reads variables from project files into the host's included variables (level 18).
    fn include_vars(&mut self, include: &IncludeVars, name: &TaskRef) -> Result<Mapping, Box<Raw>> {
        let mistake = |d: Diagnostic| Box::new(Raw::mistake(&TemplateError::Other(Box::new(d))));
        let search = self.play.search_of(&name.span);
        let found = self.vars_files(include, &search).map_err(|text| {
            mistake(Diagnostic::error(&name.span, text).code(Code::FileNotFound))
        })?;
        let mut vars = Vars::new();
        let mut read = Vec::new();
        for path in found {
            let node = self.ctx.templar.vars_file(&path).map_err(&mistake)?;
            read.push(super::play::absolute(&path));
            match &node.kind {
                Kind::Null => {}
                Kind::Map(entries) => {
                    for (key, value) in entries {
                        let key = key.to_value();
                        let key = crate::action::arg::text(&key).unwrap_or_default();
                        vars.insert(key, Var::Template(value.clone()));
                    }
                }
                _ => {
                    let text = format!("variables must be a mapping, not {}", node.type_name());
                    return Err(mistake(
                        Diagnostic::error(&node.span, text).code(Code::VarsNotMapping),
                    ));
                }
            }
        }
        let shown: Mapping = vars
            .iter()
            .filter_map(|(k, v)| match v {
                Var::Template(node) => Some((Value::from(k.clone()), node.to_value())),
                _ => None,
            })
            .collect();
        if let Some(under) = &include.name {
            let span = name.span.clone();
            let entries = vars.into_iter().filter_map(|(k, v)| match v {
                Var::Template(node) => Some((Node::str(&k, span.clone()), node)),
                _ => None,
            });
            let node = Node::new(Kind::Map(entries.collect()), span.clone());
            vars = std::iter::once((under.clone(), Var::Template(node))).collect();
        }
        let names: Vec<String> = vars.keys().cloned().collect();
        self.ctx.fleet.include(&self.host, vars);
        self.assigned(&names);
        let facts = match &include.name {
            Some(under) => result! { under.as_str() => Value::Mapping(shown) },
            None => shown,
        };
        Ok(result! { "ansible_facts" => facts, "ansible_included_var_files" => read })
    }

    fn vars_files(
        &self,
        include: &IncludeVars,
        search: &SearchPath,
    ) -> Result<Vec<std::path::PathBuf>, String> {
        let files = &self.ctx.files;
        if let Some(file) = &include.file {
            return match find(files, file, Folder::Vars, search) {
                Some(path) => Ok(vec![path]),
                None => Err(format!("no file of variables named `{file}` was found")),
            };
        }
        let Some(dir) = &include.dir else {
            return Err("neither `file` nor `dir` is given".into());
        };
        let base = find(files, dir, Folder::Vars, search)
            .ok_or_else(|| format!("no directory of variables named `{dir}` was found"))?;
        let mut found = Vec::new();
        collect(files, &base, include, 1, &mut found)?;
        Ok(found)
    }
}

fn collect(
    files: &crate::source::Files,
    dir: &std::path::Path,
    include: &IncludeVars,
    depth: u64,
    out: &mut Vec<std::path::PathBuf>,
) -> Result<(), String> {
    let ignored = |name: &str| include.ignore_files.iter().any(|i| i == name);
    let matching = match &include.files_matching {
        Some(pattern) => Some(crate::source::pyre::PyRegex::new(
            pattern,
            crate::source::pyre::PyFlags::default(),
        )?),
        None => None,
    };
    for name in files.list(dir) {
        let path = dir.join(&name);
        if ignored(&name) {
            continue;
        }
        if files.is_dir(&path) {
            if include.depth == 0 || depth < include.depth {
                collect(files, &path, include, depth + 1, out)?;
            }
            continue;
        }
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        let known = include
            .extensions
            .iter()
            .any(|e| e.trim_start_matches('.') == extension);
        let wanted = match &matching {
            Some(regex) => regex.is_match(&name)?,
            None => true,
        };
        if wanted && known {
            out.push(path);
        } else if wanted && !include.ignore_unknown_extensions {
            return Err(format!(
                "{} does not have a valid extension",
                path.display()
            ));
        }
    }
    Ok(())
}

struct Waiting {
    delay: Duration,
    sleep: Duration,
    timeout: Duration,
    each: Duration,
}
