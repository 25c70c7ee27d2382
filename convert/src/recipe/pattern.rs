//! Patterns over tensor names: `*` is any run of characters, `?` any one, all others themselves; the whole name must
//! match.

/// A pattern, such as `blk.*.ffn_down.weight`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Every text is a pattern.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The pattern as given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether all of `name` matches. Only the last star is ever taken back, so the time is at most the product of the
    /// two lengths.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        // Behind the last star, and what of the name it has swallowed up to.
        let mut star: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p + 1, n));
                    p += 1;
                }
                Some(&c) if c == b'?' || c == name[n] => {
                    p += 1;
                    n += 1;
                }
                _ => {
                    let Some((behind, swallowed)) = star else { return false };
                    star = Some((behind, swallowed + 1));
                    p = behind;
                    n = swallowed + 1;
                }
            }
        }
        pattern[p..].iter().all(|&c| c == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        let name = "blk.12.ffn_down.weight";
        for pattern in [name, "*", "blk.*", "*.weight", "blk.??.ffn_down.*", "*1*2*down*", "**.ffn_*n.weight*"] {
            assert!(Pattern::new(pattern).matches(name), "{pattern}");
        }
        for pattern in
            ["", "blk", "*.bias", "blk.?.ffn_down.weight", "ffn_down", "*down", "*x*", "blk.12.ffn_down.weight?"]
        {
            assert!(!Pattern::new(pattern).matches(name), "{pattern}");
        }
        assert!(Pattern::new("").matches("") && Pattern::new("*").matches(""));
        assert!(!Pattern::new("*a".repeat(500)).matches(&"b".repeat(5_000)));
    }
}
