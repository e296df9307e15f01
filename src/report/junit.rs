//! JUnit's XML, which continuous integration shows: suites of tests, each with what came of it.

use super::xml::Xml;

/// What tests came to: all of them, failures, errors, skipped.
#[derive(Clone, Copy, Default)]
pub(in crate::report) struct Counts {
    pub tests: usize,
    pub failures: usize,
    pub errors: usize,
    pub skipped: usize,
}

impl Counts {
    fn attributes(self) -> [(&'static str, String); 4] {
        [
            ("tests", self.tests.to_string()),
            ("failures", self.failures.to_string()),
            ("errors", self.errors.to_string()),
            ("skipped", self.skipped.to_string()),
        ]
    }
}

/// What came of a test.
pub(in crate::report) enum Came<'a> {
    Passed,
    /// Passed, and there is something to say.
    Said(&'a str),
    Skipped(&'a str),
    Failed(Why<'a>),
    Error(Why<'a>),
}

pub(in crate::report) struct Why<'a> {
    pub kind: &'a str,
    pub message: &'a str,
    pub body: &'a str,
}

/// A document that is being written.
pub(in crate::report) struct Junit {
    xml: Xml,
    suites: usize,
    started: String,
}

/// Takes the values of attributes by reference.
fn lent<'a>(attributes: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    attributes.iter().map(|(n, v)| (*n, v.as_str())).collect()
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.3}")
}

impl Junit {
    pub(in crate::report) fn new(name: String, counts: Counts, took: f64, started: &str) -> Junit {
        let mut xml = Xml::new();
        let mut attributes = vec![("name", name)];
        attributes.extend(counts.attributes());
        attributes.push(("time", seconds(took)));
        xml.open("testsuites", &lent(&attributes));
        Junit {
            xml,
            suites: 0,
            started: started.trim_end_matches('Z').to_owned(),
        }
    }

    /// Begins a suite. What took no time of its own says 0.
    pub(in crate::report) fn suite(
        &mut self,
        name: &str,
        host: Option<&str>,
        counts: Counts,
        took: Option<f64>,
    ) {
        let mut attributes = vec![("id", self.suites.to_string()), ("name", name.to_owned())];
        attributes.extend(host.map(|h| ("hostname", h.to_owned())));
        attributes.push(("timestamp", self.started.clone()));
        attributes.extend(counts.attributes());
        attributes.push(("time", took.map_or_else(|| "0".into(), seconds)));
        self.xml.open("testsuite", &lent(&attributes));
        self.suites += 1;
    }

    /// What is said of the suite as a whole, before its first test.
    pub(in crate::report) fn properties(&mut self, all: &[(&str, &str)]) {
        self.xml.open("properties", &[]);
        for (name, value) in all {
            self.xml
                .leaf("property", &[("name", name), ("value", value)], "");
        }
        self.xml.close();
    }

    /// A test, and the file and line that it is about.
    pub(in crate::report) fn case(
        &mut self,
        suite: &str,
        name: &str,
        at: Option<(&str, &str)>,
        came: &Came<'_>,
    ) {
        let mut attributes = vec![("classname", suite), ("name", name), ("time", "0")];
        if let Some((file, line)) = at {
            attributes.extend([("file", file), ("line", line)]);
        }
        self.xml.open("testcase", &attributes);
        let because = |w: &Why<'_>| {
            [
                ("type", w.kind.to_owned()),
                ("message", w.message.to_owned()),
            ]
        };
        match came {
            Came::Passed => {}
            Came::Said(text) => self.xml.leaf("system-out", &[], text),
            Came::Skipped(why) => self.xml.leaf("skipped", &[("message", why)], ""),
            Came::Failed(why) => self.xml.leaf("failure", &lent(&because(why)), why.body),
            Came::Error(why) => self.xml.leaf("error", &lent(&because(why)), why.body),
        }
        self.xml.close();
    }

    /// Ends a suite, with what went wrong beside its tests.
    pub(in crate::report) fn close(&mut self, trouble: &[String]) {
        if !trouble.is_empty() {
            self.xml.leaf("system-err", &[], &trouble.join("\n"));
        }
        self.xml.close();
    }

    pub(in crate::report) fn end(self) -> String {
        self.xml.end()
    }
}
