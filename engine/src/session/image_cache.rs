//! Encoded pictures that a session keeps, so that no picture is encoded twice in a row of questions.

use std::collections::VecDeque;
use std::sync::Arc;

/// Encoded pictures by content, the last used at the back.
#[derive(Clone)]
pub struct ImageCache {
    entries: VecDeque<(u128, Arc<[f32]>)>,
    budget: usize,
}

impl ImageCache {
    /// An empty cache of at most `budget` bytes.
    pub fn new(budget: usize) -> Self {
        Self { entries: VecDeque::new(), budget }
    }

    /// The rows of a picture, if they are kept.
    pub fn find(&mut self, key: u128) -> Option<Arc<[f32]>> {
        let at = self.entries.iter().position(|(k, _)| *k == key)?;
        let entry = self.entries.remove(at)?;
        self.entries.push_back(entry);
        self.entries.back().map(|(_, rows)| Arc::clone(rows))
    }

    /// Keeps the newest entries that fit the budget, the new one in any case.
    pub fn insert(&mut self, key: u128, rows: Arc<[f32]>) {
        let size = |rows: &Arc<[f32]>| rows.len() * 4;
        let mut total: usize = size(&rows) + self.entries.iter().map(|(_, r)| size(r)).sum::<usize>();
        while total > self.budget {
            let Some((_, old)) = self.entries.pop_front() else { break };
            total -= size(&old);
        }
        self.entries.push_back((key, rows));
    }
}

#[cfg(test)]
mod tests {
    use super::ImageCache;

    #[test]
    fn the_last_used_stay_within_the_budget_and_the_newest_in_any_case() {
        let mut cache = ImageCache::new(16);
        for key in 0..2 {
            cache.insert(key, vec![0.0; 2].into());
        }
        assert!(cache.find(0).is_some(), "both fit, and 0 is now the last used");
        cache.insert(2, vec![0.0; 2].into());
        assert!(cache.find(0).is_some() && cache.find(1).is_none() && cache.find(2).is_some());
        cache.insert(3, vec![0.0; 100].into());
        assert!(cache.find(0).is_none() && cache.find(3).is_some());
    }
}
