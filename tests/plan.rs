//! Compiling playbooks: inheritance, tags, roles, imports and includes.

use std::path::PathBuf;
use std::sync::Arc;

use palisade::plan::{Call, CompileOptions, Compiler, IncludeArgs, Item, Plan, Task, list};
use palisade::source::{Diagnostic, Files, Severity};

/// Compiles `site.yml` of a project in memory.
fn compile(files: &[(&str, &str)], options: CompileOptions) -> (Compiler, Plan, Vec<Diagnostic>) {
    let compiler = Compiler::new(Files::map(files.iter().copied()), options);
    let (plan, diagnostics) = compiler.compile(&[PathBuf::from("site.yml")]);
    (compiler, plan, diagnostics)
}

/// Compiles what must be right.
fn plan(files: &[(&str, &str)]) -> (Compiler, Plan) {
    let (compiler, plan, diagnostics) = compile(files, CompileOptions::default());
    let errors: Vec<_> = diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error)
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    (compiler, plan)
}

fn titles(plan: &Plan) -> Vec<String> {
    list::plays(plan)
        .iter()
        .flat_map(|play| play.tasks.iter().map(|t| t.title()))
        .collect()
}

fn all(items: &[Item]) -> Vec<Arc<Task>> {
    let mut tasks = Vec::new();
    for item in items {
        match item {
            Item::Task(task) => tasks.push(Arc::clone(task)),
            Item::Block(block) => {
                tasks.extend(all(&block.body));
                tasks.extend(all(&block.rescue));
                tasks.extend(all(&block.always));
            }
        }
    }
    tasks
}

fn tags(task: &Task) -> Vec<&str> {
    task.keywords.tags.iter().map(String::as_str).collect()
}

fn texts(nodes: &[palisade::source::Node]) -> Vec<&str> {
    nodes.iter().filter_map(|n| n.as_str()).collect()
}

#[test]
fn keywords_are_handed_down_and_the_innermost_wins() {
    let (_, plan) = plan(&[(
        "site.yml",
        "
- hosts: all
  become: yes
  remote_user: deploy
  environment: {A: 1}
  tags: play
  tasks:
    - name: only a block
      when: outer
      tags: [b1, b2]
      become: no
      vars: {x: 1}
      notify: one
      block:
        - block:
            - name: inner
              ping:
              when: [inner, more]
              tags: t
              environment: {B: 2}
              vars: {y: 2}
              notify: two
  handlers:
    - {name: one, ping: }
    - {name: two, ping: }
",
    )]);
    let tasks = all(&plan.plays[0].tasks);
    let inner = &tasks[0].keywords;
    assert_eq!(texts(&inner.when), ["outer", "inner", "more"]);
    assert_eq!(tags(&tasks[0]), ["b1", "b2", "play", "t"]);
    assert_eq!(inner.environment.len(), 2);
    assert_eq!(inner.vars.len(), 2);
    assert_eq!(texts(&tasks[0].notify), ["two"]);
    assert!(matches!(
        inner.r#become.as_ref().map(|n| &n.kind),
        Some(palisade::source::Kind::Bool(false))
    ));
    assert_eq!(
        inner.remote_user.as_ref().and_then(|n| n.as_str()),
        Some("deploy")
    );
}

#[test]
fn a_role_comes_after_what_it_depends_on_and_each_use_once() {
    let (_, plan) = plan(&[
        (
            "site.yml",
            "
- hosts: all
  pre_tasks: [{name: before, ping: }]
  roles:
    - web
    - {role: db, number: 1, tags: [d]}
    - web
  tasks: [{name: middle, ping: }]
  post_tasks: [{name: after, ping: }]
",
        ),
        (
            "roles/web/tasks/main.yml",
            "- name: serve\n  ping:\n- import_tasks: sub/more.yml\n  when: deep\n",
        ),
        ("roles/web/tasks/sub/more.yml", "- import_tasks: leaf.yml\n"),
        ("roles/web/tasks/sub/leaf.yml", "- name: leaf\n  ping:\n"),
        (
            "roles/web/meta/main.yml",
            "dependencies:\n  - role: common\n    when: c\n",
        ),
        ("roles/db/tasks/main.yml", "- name: store\n  ping:\n"),
        ("roles/db/meta/main.yaml", "dependencies: [common]\n"),
        ("roles/db/defaults/main.yml", "a: 1\n"),
        ("roles/common/tasks/main.yml", "- name: base\n  ping:\n"),
        ("roles/common/defaults/main.yml", "a: 0\nc: 0\n"),
        (
            "roles/common/handlers/main.yml",
            "- name: restart\n  ping:\n",
        ),
    ]);
    assert_eq!(
        titles(&plan),
        [
            "before",
            "common : base",
            "web : serve",
            "web : leaf",
            "common : base",
            "db : store",
            "middle",
            "after"
        ]
    );
    let tasks = all(&plan.plays[0].tasks);
    let leaf = tasks
        .iter()
        .find(|t| list::title(t) == "leaf")
        .expect("the leaf");
    assert_eq!(texts(&leaf.keywords.when), ["deep"]);
    let bases: Vec<_> = leaf
        .search
        .bases
        .iter()
        .map(|p| p.display().to_string())
        .collect();
    assert_eq!(bases, ["roles/web", "roles/web/tasks/sub", ""]);
    let store = tasks
        .iter()
        .find(|t| list::title(t) == "store")
        .expect("the store");
    let role = store.role.as_ref().expect("its role");
    assert!(role.params.contains_key("number") && role.defaults.contains_key("c"));
    assert_eq!(tags(store), ["d"]);
    let second = &tasks[3];
    assert_eq!(
        tags(second),
        ["d"],
        "a dependency inherits from the entry that needs it"
    );
    assert_eq!(second.role.as_ref().map(|r| r.parents.len()), Some(1));
}

#[test]
fn an_include_is_a_task_whose_content_comes_later() {
    let (compiler, plan) = plan(&[
        (
            "site.yml",
            "
- hosts: all
  tasks:
    - block:
        - include_tasks:
            file: part.yml
            apply: {tags: [applied], become: true}
          tags: [own]
          when: once
          vars: {v: 1}
      when: around
    - include_role: {name: r, tasks_from: other}
",
        ),
        ("part.yml", "- name: inside\n  ping:\n  when: here\n"),
        ("roles/r/tasks/other.yml", "- name: other\n  ping:\n"),
        ("roles/r/handlers/main.yml", "- name: h\n  ping:\n"),
        ("roles/r/vars/main.yml", "rv: 1\n"),
    ]);
    let tasks = all(&plan.plays[0].tasks);
    assert!(matches!(tasks[0].call, Call::IncludeTasks(_)));
    let items = compiler
        .include_tasks(&tasks[0], "part.yml")
        .expect("the part");
    let inside = &all(&items)[0];
    assert_eq!(texts(&inside.keywords.when), ["around", "here"]);
    assert_eq!(tags(inside), ["applied"]);
    assert!(inside.keywords.r#become.is_some());
    assert_eq!(inside.keywords.include_vars.len(), 1);
    let again = compiler
        .include_tasks(&tasks[0], "part.yml")
        .expect("the part");
    assert_eq!(all(&again)[0].id, inside.id);
    let missing = compiler
        .include_tasks(&tasks[0], "absent.yml")
        .expect_err("no such file");
    assert!(missing[0].message.contains("absent.yml"));

    let from = IncludeArgs {
        tasks_from: Some("other".into()),
        ..IncludeArgs::default()
    };
    let role = compiler
        .include_role(&tasks[1], "r", &from)
        .expect("the role");
    assert_eq!(role.items.len(), 1);
    assert_eq!(role.handlers.len(), 1);
    assert!(role.role.vars.contains_key("rv"));
}

#[test]
fn tags_that_are_templates_are_rendered_from_what_is_known() {
    let (_, plan) = plan(&[(
        "site.yml",
        "
- hosts: all
  vars: {some: [a, b], one: c}
  tasks:
    - {ping: , tags: ['{{ some }}', '{{ one }}-x', plain]}
",
    )]);
    let tasks = all(&plan.plays[0].tasks);
    assert_eq!(tags(&tasks[0]), ["a", "b", "c-x", "plain"]);
}

#[test]
fn defaults_for_an_action_fill_in_what_is_not_given_under_any_name() {
    let (_, plan) = plan(&[(
        "site.yml",
        "
- hosts: all
  module_defaults:
    ansible.builtin.lineinfile: {path: /a, create: true}
  tasks:
    - lineinfile: dest=/b line=x
    - lineinfile: {line: y}
      module_defaults: {lineinfile: {path: /c}}
",
    )]);
    let given = |task: &Task| -> Vec<String> {
        let Call::Action { args, .. } = &task.call else {
            return Vec::new();
        };
        let text = |(name, node): &(String, palisade::source::Node)| {
            format!("{name}={}", node.as_str().unwrap_or("-"))
        };
        args.iter().map(text).collect()
    };
    let tasks = all(&plan.plays[0].tasks);
    assert_eq!(given(&tasks[0]), ["dest=/b", "line=x", "create=-"]);
    assert_eq!(given(&tasks[1]), ["line=y", "create=-", "path=/c"]);
}

#[test]
fn tasks_written_in_any_form_are_the_same_task() {
    let (_, plan) = plan(&[(
        "site.yml",
        "
- hosts: all
  become: 'yes'
  tasks:
    - lineinfile: path=/etc/x line=\"a b={{ c }}\" state=present
    - action: lineinfile path=/etc/x line='a b={{ c }}' state=present
    - action: {module: lineinfile, path: /etc/x, line: 'a b={{ c }}', state: present}
    - local_action: ansible.builtin.lineinfile path=/etc/x line='a b={{ c }}' state=present
    - lineinfile:
      args: {path: /etc/x, line: 'a b={{ c }}', state: present}
",
    )]);
    let tasks = all(&plan.plays[0].tasks);
    assert_eq!(tasks.len(), 5);
    for task in &tasks {
        let Call::Action { spec, args } = &task.call else {
            panic!("no action");
        };
        assert_eq!(spec.name, "lineinfile");
        let line = args
            .iter()
            .find(|(name, _)| name == "line")
            .map(|(_, node)| node);
        assert_eq!(line.and_then(|node| node.as_str()), Some("a b={{ c }}"));
        assert_eq!(args.len(), 3);
    }
    let local = &tasks[3].keywords.delegate_to;
    assert_eq!(
        local.as_ref().and_then(|node| node.as_str()),
        Some("localhost")
    );
}

#[test]
fn handlers_are_in_the_order_roles_play_imports_and_no_tag_leaves_one_out() {
    let files = [
        (
            "site.yml",
            "
- hosts: all
  roles: [a]
  tasks:
    - import_role: {name: b}
    - {ping: , notify: [of a, 'b : of b', topic], tags: t}
  handlers:
    - {name: own, ping: , listen: topic}
    - import_tasks: more.yml
",
        ),
        ("more.yml", "- {name: more, ping: , tags: x}\n"),
        ("roles/a/handlers/main.yml", "- {name: of a, ping: }\n"),
        ("roles/b/handlers/main.yml", "- {name: of b, ping: }\n"),
    ];
    let options = CompileOptions {
        tags: vec!["t".into()],
        ..CompileOptions::default()
    };
    let (_, plan, diagnostics) = compile(&files, options);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    let names: Vec<String> = plan.plays[0]
        .handlers
        .iter()
        .map(|handler| list::title(&handler.task))
        .collect();
    assert_eq!(names, ["of a", "own", "more", "of b"]);
    assert!(plan.plays[0].gathers);
}

#[test]
fn an_imported_playbook_takes_tags_conditions_and_variables_along() {
    let (_, plan) = plan(&[
        (
            "site.yml",
            "- import_playbook: sub/other.yml\n  when: cond\n  tags: t\n  vars: {v: file}\n",
        ),
        (
            "sub/other.yml",
            "
- hosts: all
  vars: {v: nothing}
  tasks:
    - import_tasks: '{{ v }}.yml'
  handlers: [{name: h, ping: }]
",
        ),
        ("sub/file.yml", "- ping:\n  when: own\n"),
    ]);
    let play = &plan.plays[0];
    assert_eq!(play.dir, PathBuf::from("sub"));
    let tasks = all(&play.tasks);
    assert_eq!(texts(&tasks[0].keywords.when), ["cond", "own"]);
    assert_eq!(tags(&tasks[0]), ["t"]);
    assert!(play.handlers[0].task.keywords.when.is_empty());
}

#[test]
fn files_of_a_role_may_be_chosen_and_variables_may_be_a_folder() {
    let (_, plan) = plan(&[
        (
            "site.yml",
            "
- hosts: all
  tasks:
    - import_role:
        name: r
        tasks_from: sub/other.yml
        vars_from: chosen
      vars: {given: 1}
",
        ),
        ("roles/r/tasks/main.yml", "- {name: not this, ping: }\n"),
        ("roles/r/tasks/sub/other.yml", "- {name: this, ping: }\n"),
        ("roles/r/vars/main.yml", "a: 0\n"),
        ("roles/r/vars/chosen.yml", "b: 0\n"),
        ("roles/r/defaults/main/one.yml", "d1: 0\n"),
        ("roles/r/defaults/main/two.yaml", "d2: 0\n"),
    ]);
    assert_eq!(titles(&plan), ["r : this"]);
    let task = &all(&plan.plays[0].tasks)[0];
    let role = task.role.as_ref().expect("the role");
    let names = |layer: &palisade::vars::Layer| layer.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&role.vars), ["b", "given"]);
    assert_eq!(names(&role.defaults), ["d1", "d2"]);
    assert_eq!(plan.plays[0].role_defaults.len(), 1);
}
