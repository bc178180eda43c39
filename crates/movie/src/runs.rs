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

impl Runs<u32> {
    /// Adds to the last value. `None`, and nothing changes, if there is none or
    /// the sum does not fit.
    #[must_use]
    pub fn lengthen_last(&mut self, by: u64) -> Option<()> {
        let (_, last) = *self.runs.last()?;
        let sum = u32::try_from(u64::from(last).checked_add(by)?).ok()?;
        self.replace_last(sum);
        Some(())
    }

    /// Takes `by` off the last values, from the end on, but leaves each at least
    /// 1. Returns what could not be taken off.
    pub fn shorten_end(&mut self, by: u64) -> u64 {
        let mut left = by;
        // What was shortened, last first; it goes back behind the rest.
        let mut shortened = Vec::new();
        while left > 0
            && let Some((count, value)) = self.runs.pop()
        {
            let most = u64::from(value.saturating_sub(1));
            let whole = left.checked_div(most).unwrap_or(u64::from(count));
            let whole = u32::try_from(whole).unwrap_or(u32::MAX).min(count);
            left -= u64::from(whole) * most;
            shortened.push((whole, value.min(1)));
            if whole < count {
                let part = u32::try_from(left).unwrap_or(0);
                shortened.push((1, value - part));
                left = 0;
                self.push(count - whole - 1, value);
            }
        }
        for (count, value) in shortened.into_iter().rev() {
            self.push(count, value);
        }
        left
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

    #[test]
    fn the_end_is_moved_without_a_value_going_below_one() {
        let of = |values: &[u32]| values.iter().map(|v| (1, *v)).collect::<Runs<u32>>();
        for (by, left, want) in [
            (0, 0, [9, 5, 5, 5]),
            (3, 0, [9, 5, 5, 2]),
            (4, 0, [9, 5, 5, 1]),
            (9, 0, [9, 4, 1, 1]),
            (12, 0, [9, 1, 1, 1]),
            (15, 0, [6, 1, 1, 1]),
            (20, 0, [1, 1, 1, 1]),
            (27, 7, [1, 1, 1, 1]),
        ] {
            let mut runs = of(&[9, 5, 5, 5]);
            assert_eq!(runs.shorten_end(by), left, "{by}");
            let sum: u64 = runs.iter().map(u64::from).sum();
            assert_eq!(sum, 24 - (by - left), "{by}");
            assert_eq!(runs.len(), 4, "{by}");
            assert_eq!(runs.iter().collect::<Vec<_>>(), want, "{by}");
        }
        let mut runs = of(&[4, 4]);
        assert_eq!(runs.lengthen_last(6), Some(()));
        assert_eq!(runs.runs(), [(1, 4), (1, 10)]);
        assert_eq!(runs.lengthen_last(u64::from(u32::MAX)), None);
        assert_eq!(runs.runs(), [(1, 4), (1, 10)]);
        assert_eq!(Runs::new().lengthen_last(1), None);
    }
}
