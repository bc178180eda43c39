//! Values that repeat, kept as runs (`stts`, `ctts`).

/// A sequence of values, kept as counts of equal neighbours.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Runs<T> {
    runs: Vec<(u32, T)>,
}

impl<T: Copy + PartialEq> Runs<T> {
    /// An empty sequence.
    #[must_use]
    pub const fn new() -> Self {
        Self { runs: Vec::new() }
    }

    /// Appends `count` times `value`.
    pub fn push(&mut self, count: u32, value: T) {
        if count == 0 {
            return;
        }
        if let Some((n, last)) = self.runs.last_mut()
            && *last == value
            && let Some(sum) = n.checked_add(count)
        {
            *n = sum;
        } else {
            self.runs.push((count, value));
        }
    }

    /// Replaces the last value, and says what it was.
    pub fn replace_last(&mut self, value: T) -> Option<T> {
        let (count, old) = self.runs.pop()?;
        self.push(count - 1, old);
        self.push(1, value);
        Some(old)
    }

    /// The runs: how many, of what. No count is zero.
    #[must_use]
    pub fn runs(&self) -> &[(u32, T)] {
        &self.runs
    }

    /// Values in all.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.runs.iter().map(|(n, _)| u64::from(*n)).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The values, one by one.
    pub fn iter(&self) -> impl Iterator<Item = T> {
        let expand = |(count, value): &(u32, T)| std::iter::repeat_n(*value, *count as usize);
        self.runs.iter().flat_map(expand)
    }
}

impl<T: Copy + PartialEq> FromIterator<(u32, T)> for Runs<T> {
    fn from_iter<I: IntoIterator<Item = (u32, T)>>(iter: I) -> Self {
        let mut runs = Self::new();
        for (count, value) in iter {
            runs.push(count, value);
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::Runs;

    #[test]
    fn equal_neighbours_are_one_run() {
        let mut runs: Runs<u32> = [(2, 40), (0, 9), (3, 40), (1, 50)].into_iter().collect();
        assert_eq!(runs.runs(), [(5, 40), (1, 50)]);
        assert_eq!(runs.replace_last(40), Some(50));
        assert_eq!(runs.runs(), [(6, 40)]);
        assert_eq!(runs.replace_last(7), Some(40));
        assert_eq!(runs.iter().collect::<Vec<_>>(), [40, 40, 40, 40, 40, 7]);
    }
}
