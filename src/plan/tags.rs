//! Which tasks the tags of a run select.

use std::collections::BTreeSet;

/// `--tags` and `--skip-tags`.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Nothing given means `all`.
    pub tags: BTreeSet<String>,
    pub skip: BTreeSet<String>,
}

impl Selection {
    pub fn new<'a>(
        tags: impl IntoIterator<Item = &'a String>,
        skip: impl IntoIterator<Item = &'a String>,
    ) -> Selection {
        let words = |text: &'a String| {
            text.split(',')
                .map(str::trim)
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
        };
        Selection {
            tags: tags.into_iter().flat_map(words).collect(),
            skip: skip.into_iter().flat_map(words).collect(),
        }
    }

    /// Whether any tags were given at all.
    pub fn is_partial(&self) -> bool {
        !self.tags.is_empty() || !self.skip.is_empty()
    }

    /// Whether something with these tags is to be run.
    pub fn takes(&self, tags: &BTreeSet<String>) -> bool {
        self.wants(tags) && !self.skips(tags)
    }

    fn wants(&self, tags: &BTreeSet<String>) -> bool {
        let named = |word: &str| self.tags.contains(word);
        let never = tags.contains("never");
        if tags.contains("always") || !self.tags.is_disjoint(tags) {
            return true;
        }
        if (self.tags.is_empty() || named("all")) && !never {
            return true;
        }
        if tags.is_empty() {
            named("untagged")
        } else {
            named("tagged") && !never
        }
    }

    fn skips(&self, tags: &BTreeSet<String>) -> bool {
        let named = |word: &str| self.skip.contains(word);
        if named("all") {
            return !tags.contains("always") || named("always");
        }
        !self.skip.is_disjoint(tags)
            || (tags.is_empty() && named("untagged"))
            || (!tags.is_empty() && named("tagged"))
    }
}

#[cfg(test)]
mod tests {
    use super::Selection;

    fn takes(tags: &str, skip: &str, of: &str) -> bool {
        let set = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Selection {
            tags: set(tags),
            skip: set(skip),
        }
        .takes(&set(of))
    }

    #[test]
    fn the_special_words_select_what_ansible_selects() {
        assert!(takes("", "", "") && takes("", "", "a") && !takes("", "", "never"));
        assert!(takes("a", "", "a never") && !takes("a", "", "b") && !takes("a", "", ""));
        assert!(takes("a", "", "always") && !takes("a", "always", "always"));
        assert!(
            takes("tagged", "", "a") && !takes("tagged", "", "") && !takes("tagged", "", "never")
        );
        assert!(takes("untagged", "", "") && !takes("untagged", "", "a"));
        assert!(takes("never", "", "never") && !takes("all", "", "never"));
        assert!(!takes("", "a", "a b") && takes("", "a", "b") && !takes("a", "a", "a"));
        assert!(!takes("", "tagged", "a") && takes("", "tagged", ""));
        assert!(takes("", "all", "always") && !takes("", "all", "a"));
    }
}
