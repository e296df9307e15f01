//! Text of hosts stays text through every filter and test there is: a generated case for each.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    Hosts, Outside, Scope, SearchPath, Templar, TemplarOptions, Var, Vars, filters, tests,
};
use crate::source::{File, Files, Mask, Node, Span, Value};

/// A world that counts what is asked of it.
#[derive(Default)]
struct World(AtomicUsize);

impl Hosts for World {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
    fn scope(&self, _host: &str) -> Option<Arc<Scope>> {
        None
    }
}

impl Outside for World {
    fn env(&self, _name: &str) -> Option<String> {
        None
    }
    fn pipe(&self, _command: &str) -> Result<String, String> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok("pwned".into())
    }
    fn url(&self, _url: &str) -> Result<String, String> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok("pwned".into())
    }
    fn now(&self) -> f64 {
        0.0
    }
    fn random(&self, length: usize) -> Vec<u8> {
        vec![1; length]
    }
    fn keep(&self, _path: &Path, make: &mut dyn FnMut() -> String) -> Result<String, String> {
        Ok(make())
    }
}

const WICKED: &str = "{{ lookup('pipe', 'id') }}";

fn render(t: &Templar, text: &str, vars: Vec<(&str, Var)>, world: &Arc<World>) -> Option<Value> {
    let vars: Vars = vars.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
    let search = SearchPath {
        bases: vec!["/nonexistent".into()],
    };
    let hosts: Arc<dyn Hosts> = Arc::<World>::clone(world);
    let scope = Scope::new(vec![Arc::new(vars)], hosts, Arc::new(search));
    let file = File::new("case", text);
    let node = Node::str(text, Span::new(&file, 0, text.len()));
    t.value(&node, &scope).ok()
}

#[test]
fn text_of_hosts_is_never_rendered_by_any_filter_or_test() {
    let world = Arc::new(World::default());
    let templar = Templar::new(TemplarOptions {
        files: Files::Disk,
        outside: Arc::<World>::clone(&world),
        vault: Arc::default(),
        mask: Mask::default(),
        lenient: false,
    });
    // It can be seen when something is.
    render(&templar, WICKED, Vec::new(), &world);
    assert!(world.0.swap(0, Ordering::Relaxed) > 0);
    let text = Value::from(WICKED);
    let list = Value::Sequence(vec![text.clone(), text.clone()]);
    let map = Value::Mapping([(text.clone(), text.clone())].into_iter().collect());
    let json = Value::from(serde_json::to_string(&list).unwrap());
    let mut yielded = 0;
    for given in [&text, &list, &map, &json] {
        let mut cases = Vec::new();
        // Deriving keys and arranging letters take their time, and do nothing else.
        let slow = [
            "hash",
            "vault",
            "crypt",
            "permutations",
            "combinations",
            "product",
        ];
        for name in filters::names().filter(|n| !slow.iter().any(|s| n.contains(s))) {
            for arguments in ["", "(s)", "(s, s)", "('x', s)"] {
                cases.push(format!("{{{{ s | {name}{arguments} }}}}"));
            }
            cases.push(format!("{{{{ [s] | map('{name}') | list }}}}"));
        }
        for name in tests::names() {
            cases.push(format!("{{{{ s is {name} }}}}"));
            cases.push(format!("{{{{ s is {name}(s) }}}}"));
            cases.push(format!("{{{{ [s] | select('{name}') | list }}}}"));
        }
        cases.push("{{ s ~ s }}".into());
        cases.push("{% for c in s %}{{ c }}{% endfor %}".into());
        for case in cases {
            let Some(result) = render(&templar, &case, vec![("s", Var::data(given))], &world)
            else {
                continue;
            };
            yielded += 1;
            // What it yields is data again, and comes through as it is.
            let again = render(&templar, "{{ r }}", vec![("r", Var::data(&result))], &world);
            if let (Value::String(_), Some(again)) = (&result, again) {
                assert_eq!(again, result, "{case}");
            }
            assert_eq!(world.0.load(Ordering::Relaxed), 0, "{case} was rendered");
        }
    }
    assert!(yielded > 500, "{yielded}");
}
