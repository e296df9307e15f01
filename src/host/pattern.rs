//! The patterns of `ssh_config` and known_hosts: `*`, `?`, and `!` for "not".

/// Whether a pattern of `*` and `?` matches all of a text.
pub(crate) fn wild(pattern: &str, text: &str) -> bool {
    let (p, t) = (pattern.as_bytes(), text.as_bytes());
    let (mut i, mut j) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while j < t.len() {
        if i < p.len() && p[i] == b'*' {
            star = Some((i + 1, j));
            i += 1;
        } else if i < p.len() && (p[i] == b'?' || p[i] == t[j]) {
            i += 1;
            j += 1;
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            i = after;
            j = from + 1;
        } else {
            return false;
        }
    }
    p[i..].iter().all(|b| *b == b'*')
}

/// Whether a list matches: one pattern does, and no negated one.
pub(crate) fn matches_list<S: AsRef<str>>(patterns: &[S], text: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.as_ref().strip_prefix('!') {
            Some(not) if wild(not, text) => return false,
            Some(_) => {}
            None => found |= wild(pattern.as_ref(), text),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_backtrack_and_negation_wins() {
        assert!(wild("*.example.*", "a.example.b.example.c"));
        assert!(wild("web?", "web1") && !wild("web?", "web"));
        assert!(wild("*", "") && wild("a**", "a") && !wild("a*b", "a"));
        assert!(matches_list(&["*", "!db*"], "web1"));
        assert!(!matches_list(&["*", "!db*"], "db1"));
        assert!(!matches_list(&["!db*"], "web1"));
    }
}
