//! Reports in all their forms, read by the programs that people read them with: Python's parsers,
//! `oscap`, and a browser. Where a program is not there, its test says so and passes.

#[path = "reports/drift.rs"]
mod drift;
#[path = "reports/runs.rs"]
mod runs;
#[path = "reports/sample.rs"]
mod sample;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use palisade::report::audit::{Form, Point, With, written};
use palisade::report::history;
use sample::{HOSTILE, fleet, hostile};

fn text(form: Form, report: &palisade::hardening::Report) -> String {
    written(report, form, &With::default())
}

/// What a Python program says of a text.
fn python(program: &str, text: &str) -> String {
    let python = std::env::var("PALISADE_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut child = Command::new(python)
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(text.as_bytes()).expect("written");
    drop(stdin);
    let out = child.wait_with_output().expect("an answer");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    String::from_utf8(out.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

#[test]
fn no_form_lets_hostile_text_act() {
    let report = hostile();
    for form in Form::ALL {
        let text = text(form, &report);
        let acts = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
        let found = text.find(acts).map(|at| &text[at.saturating_sub(60)..at]);
        assert_eq!(found, None, "a control character in {form:?}");
        assert!(
            !text.contains('\u{202e}'),
            "text that turns around in {form:?}"
        );
        if form != Form::Csv {
            assert!(!text.contains('\r'), "{form:?}");
        }
        assert!(text.contains("evil"), "{form:?} says it");
    }
}

#[test]
fn a_table_has_as_many_cells_in_every_row_and_none_computes() {
    let program = "import csv,sys\n\
        rows=list(csv.reader(sys.stdin.read().splitlines(True)))\n\
        assert {len(r) for r in rows}=={14}, {len(r) for r in rows}\n\
        bad=[c for r in rows for c in r if c.strip()[:1] in tuple('=+-@|%')and c.strip()]\n\
        assert not bad, bad\n\
        print(len(rows))";
    let report = fleet(3);
    let rows = 1 + report.hosts.len() * report.controls.len();
    assert_eq!(python(program, &text(Form::Csv, &report)), rows.to_string());
    python(program, &text(Form::Csv, &hostile()));
}

#[test]
fn junit_counts_what_it_holds() {
    let program = "import sys,xml.etree.ElementTree as E\n\
        r=E.fromstring(sys.stdin.buffer.read())\n\
        assert r.tag=='testsuites'\n\
        for s in [r]+r.findall('testsuite'):\n\
        \x20 n=len(list(s.iter('testcase')))\n\
        \x20 assert int(s.get('tests'))==n,(s.get('tests'),n)\n\
        \x20 for a,t in ('failures','failure'),('errors','error'),('skipped','skipped'):\n\
        \x20  assert int(s.get(a))==len(list(s.iter(t))),a\n\
        waived=[k for k in r.iter('skipped') if 'waived until' in k.get('message')]\n\
        print(len(r.findall('testsuite')),len(waived)>0)";
    assert_eq!(python(program, &text(Form::Junit, &fleet(5))), "5 True");
    python(program, &text(Form::Junit, &hostile()));
}

#[test]
fn sarif_puts_hosts_together_and_stays_within_limits() {
    let five = text(Form::Sarif, &fleet(5));
    let fifty = text(Form::Sarif, &fleet(50));
    let read = |t: &str| serde_json::from_str::<serde_json::Value>(t).expect("JSON");
    let (five, fifty) = (read(&five), read(&fifty));
    let results =
        |d: &serde_json::Value| d["runs"][0]["results"].as_array().expect("a list").clone();
    assert_eq!(results(&five).len(), results(&fifty).len());
    let rules = fifty["runs"][0]["tool"]["driver"]["rules"]
        .as_array()
        .expect("a list")
        .clone();
    let mut seen = std::collections::BTreeSet::new();
    for result in results(&fifty) {
        let rule =
            &rules[usize::try_from(result["ruleIndex"].as_u64().expect("a number")).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        let print = result["partialFingerprints"]["palisade/v1"]
            .as_str()
            .expect("text");
        assert!(
            seen.insert(print.to_owned()),
            "two results have one fingerprint"
        );
        assert!(
            result["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64() > Some(0)
        );
    }
    let waived = |r: &serde_json::Value| r["suppressions"][0]["status"] == "accepted";
    assert!(results(&fifty).iter().any(waived));
    assert!(
        rules
            .iter()
            .all(|r| r["properties"]["tags"].as_array().expect("tags").len() <= 10)
    );
}

#[test]
fn metrics_are_lines_of_names_labels_and_numbers() {
    let program = r#"import re,sys
label=r'[a-z_]+="(?:[^"\\\n]|\\[\\n"])*"'
line=re.compile(r'palisade_[a-z_]+(?:\{%s(?:,%s)*\})? [0-9.e+-]+' % (label,label))
seen=set(); typed=set()
for l in sys.stdin.read().splitlines():
    if l.startswith('# TYPE '): assert l.split()[2] not in typed; typed.add(l.split()[2]); continue
    if l.startswith('# HELP '): continue
    assert line.fullmatch(l), l
    assert l.rsplit(' ',1)[0] not in seen, l
    assert re.match('[a-z_]+',l)[0] in typed, l
    seen.add(l.rsplit(' ',1)[0])
print('fine')"#;
    for report in [fleet(5), hostile()] {
        assert_eq!(python(program, &text(Form::Prometheus, &report)), "fine");
    }
}

#[test]
fn json_says_hostile_text_as_it_was() {
    let read: serde_json::Value =
        serde_json::from_str(&text(Form::Json, &hostile())).expect("JSON");
    let difference = &read["hosts"][0]["findings"][0]["evidence"][0]["differences"][0];
    assert_eq!(difference["before"], HOSTILE);
}

const MARKUP: &str = r#"import sys,html.parser
void={'meta','input','circle','rect','path','polyline'}
class P(html.parser.HTMLParser):
    def __init__(s): super().__init__(); s.open=[]; s.tags={}
    def handle_starttag(s,t,a):
        s.tags[t]=s.tags.get(t,0)+1
        assert not any(k.startswith('on') or k=='style' for k,_ in a),(t,a)
        assert all(not v or not v.lower().startswith('javascript:') for k,v in a if k in('href','src'))
        if t not in void: s.open.append(t)
    def handle_startendtag(s,t,a): s.handle_starttag(t,a); t in void or s.open.pop()
    def handle_endtag(s,t):
        assert s.open and s.open[-1]==t,(t,s.open[-3:],s.getpos()); s.open.pop()
p=P(); p.feed(sys.stdin.buffer.read().decode()); p.close()
assert p.open==[],p.open
print(p.tags['script'],p.tags['style'],p.tags['details']>13)"#;

#[test]
fn a_page_holds_nothing_that_hosts_said_as_markup() {
    for report in [fleet(50), hostile()] {
        assert_eq!(python(MARKUP, &text(Form::Html, &report)), "1 1 True");
    }
    for told in [runs::told(runs::sheet(60, 40, false)), runs::hostile()] {
        let page = history::html::render(&told);
        let said = python(MARKUP, &page);
        assert!(said.starts_with("1 1 "), "{said}");
        let acts = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r') || c == '\u{202e}';
        for text in [
            page,
            history::json::render(&told),
            history::csv::render(&told),
        ] {
            assert_eq!(text.find(acts), None);
        }
    }
}

#[test]
fn a_browser_shows_the_page_and_runs_only_its_own_script() {
    if !there("chromium") {
        return;
    }
    let history: Vec<Point> = (0..30)
        .map(|day| Point {
            started: format!("2026-10-{:02}T12:00:00Z", day + 1),
            percent: 40 + day,
        })
        .collect();
    let page = |report: &palisade::hardening::Report, history: &[Point]| {
        let with = With {
            history: history.to_vec(),
            ..With::default()
        };
        written(report, Form::Html, &with)
    };
    for (name, html) in [
        ("one.html", page(&fleet(1), &[])),
        ("five.html", page(&fleet(5), &history)),
        ("fifty.html", page(&fleet(50), &history)),
        // As if an escape had been forgotten.
        (
            "hostile.html",
            page(&hostile(), &[])
                .replace("</main>", "<script>document.title='owned'</script></main>"),
        ),
    ] {
        let path = kept(name);
        std::fs::write(&path, html).expect("written");
        let dom = browser(&path, "--dump-dom");
        // The script shows the filters, and says how many controls there are.
        assert!(dom.contains(">14 controls</output>"), "{name}");
        assert!(!dom.contains("<title>owned"), "{name}");
        assert!(!dom.contains("<form class=\"filters\" hidden"), "{name}");
    }
}

/// A page of runs, of few hosts and of many: what it says in a browser, with its script and without an
/// escape that is forgotten.
#[test]
fn a_browser_shows_runs_of_few_hosts_and_of_a_thousand() {
    for (name, hosts, tasks, wild) in [
        ("runs-one.html", 1, 12, false),
        ("runs-fleet.html", 200, 60, false),
        ("runs-thousand.html", 1000, 100, true),
    ] {
        let told = runs::told(runs::sheet(hosts, tasks, wild));
        let html = history::html::render(&told);
        // A browser opens it at once, whatever there is to tell.
        assert!(
            html.len() < 12 * 1024 * 1024,
            "{name}: {} bytes",
            html.len()
        );
        let path = kept(name);
        std::fs::write(&path, html).expect("written");
        if !there("chromium") {
            continue;
        }
        let dom = browser(&path, "--dump-dom");
        assert!(
            dom.contains(" task</output>") || dom.contains(" tasks</output>"),
            "{name}"
        );
        assert!(!dom.contains("<form class=\"filters\" hidden"), "{name}");
        assert!(dom.contains("<figure class=\"plot\">"), "{name}");
    }
    let html = history::html::render(&runs::hostile());
    let path = kept("runs-hostile.html");
    let forgotten = "<script>document.title='owned'</script></main>";
    std::fs::write(&path, html.replace("</main>", forgotten)).expect("written");
    if there("chromium") {
        assert!(!browser(&path, "--dump-dom").contains("<title>owned"));
    }
}

/// A table says every host, and JSON all that the history holds.
#[test]
fn forms_of_runs_say_the_same() {
    let told = runs::told(runs::sheet(100, 20, false));
    let read: serde_json::Value =
        serde_json::from_str(&history::json::render(&told)).expect("JSON");
    let hosts = read["jobs"][0]["hosts"].as_array().expect("a list");
    assert_eq!(hosts.len(), 100);
    let found = |h: &serde_json::Value| h["found"].as_array().map_or(0, Vec::len).max(1);
    let rows: usize = hosts.iter().map(found).sum();
    let program = "import csv,sys\n\
        rows=list(csv.reader(sys.stdin.read().splitlines(True)))\n\
        assert {len(r) for r in rows}=={15}\n\
        print(len(rows)-1)";
    assert_eq!(
        python(program, &history::csv::render(&told)),
        rows.to_string()
    );
}

#[test]
fn oscap_finds_results_valid_and_reads_them() {
    if !there("oscap") {
        return;
    }
    let oscap = |arguments: &[&str], path: &std::path::Path| {
        let out = Command::new("oscap")
            .args(arguments)
            .arg(path)
            .output()
            .expect("oscap");
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(
            out.status.success(),
            "{arguments:?} {}: {said}{wrong}",
            path.display()
        );
        said
    };
    for (name, report) in [("fleet.xml", fleet(5)), ("hostile.xml", hostile())] {
        let path = kept(name);
        std::fs::write(&path, text(Form::Xccdf, &report)).expect("written");
        oscap(&["xccdf", "validate"], &path);
        let info = oscap(&["info"], &path);
        assert!(info.contains("Checklist version: 1.2"), "{info}");
        assert!(info.contains("Test Results"), "{info}");
        let page = oscap(&["xccdf", "generate", "report"], &path);
        assert!(page.contains("xccdf_palisade_rule_sshd_ciphers"), "{name}");
    }
}

/// What NIST's schema asks of the fields that are written; with compliance-trestle at hand (it holds
/// the whole model) that is asked as well.
#[test]
fn oscal_has_what_its_schema_asks_for() {
    let program = r#"import json,re,sys
text=sys.stdin.read(); d=json.loads(text)
u=re.compile('^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[45][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}$')
when=re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$'); token=re.compile(r'^[A-Za-z_][\w.-]*$')
fields={
 'assessment-results':('uuid metadata import-ap results','local-definitions back-matter'),
 'metadata':('title last-modified version oscal-version',''),
 'import-ap':('href',''),'back-matter':('','resources'),'resources':('uuid','title description'),
 'results':('uuid title description start reviewed-controls','end props local-definitions observations risks findings'),
 'reviewed-controls':('control-selections',''),'control-selections':('','include-controls include-all'),
 'include-controls':('control-id',''),'local-definitions':('','inventory-items'),
 'inventory-items':('uuid description','props remarks'),'props':('name value','ns'),
 'observations':('uuid description methods collected','title props subjects relevant-evidence'),
 'subjects':('subject-uuid type',''),'relevant-evidence':('description','remarks'),
 'risks':('uuid title description statement status','props deadline'),
 'findings':('uuid title description target','props related-observations related-risks'),
 'target':('type target-id status',''),'status':('state','reason remarks'),
 'related-observations':('observation-uuid',''),'related-risks':('risk-uuid',''),
}
ids=set(); refs=set()
def walk(k,v):
    if isinstance(v,list):
        assert v,k+' is empty'
        return [walk(k,i) for i in v]
    if k in('start','end','collected','last-modified','deadline'): assert when.match(v),(k,v)
    if k in('target-id','control-id','name'): assert token.match(v),(k,v)
    if k=='title': assert '\\n' not in v
    if k=='uuid': assert u.match(v),v; assert v not in ids; ids.add(v)
    if k.endswith('-uuid'): assert u.match(v); refs.add(v)
    if isinstance(v,str): assert v.strip()==v or k in('description','remarks','title','statement'),(k,v); assert v,k
    if not isinstance(v,dict): return
    need,may=(set(x.split()) for x in fields[k])
    assert need<=set(v)<=need|may,(k,set(v)-need-may,need-set(v))
    for a,b in v.items(): walk(a,b)
assert list(d)==['assessment-results']; walk('assessment-results',d['assessment-results'])
assert refs<=ids,refs-ids
try:
    from trestle.oscal.assessment_results import Model
    Model.parse_obj(d) if hasattr(Model,'parse_obj') else Model.model_validate(d); print('model')
except ImportError: print('fields')"#;
    for report in [fleet(5), fleet(0), hostile()] {
        let said = python(program, &text(Form::Oscal, &report));
        eprintln!("asked: {said}");
    }
}

/// What a browser without a window says of a page.
fn browser(path: &std::path::Path, how: &str) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let out = Command::new("timeout")
        .args([
            "60",
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            how,
        ])
        .arg(format!("--user-data-dir={}", dir.path().display()))
        .arg(format!("file://{}", path.display()))
        .output()
        .expect("a browser");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// A place for what a test leaves for people to look at.
fn kept(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("reports");
    std::fs::create_dir_all(&dir).expect("a folder");
    dir.join(name)
}

/// Whether a program is there; a test without it says so.
fn there(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|o| o.status.success());
    if !found {
        eprintln!("skipped: there is no {program} on this machine");
    }
    found
}
