//! The likeliest way to cut bytes into parts, by dynamic programming.

/// The ways to divide a row, by the number of parts.
pub(super) struct Division {
    ends: Vec<usize>,
    /// By number of parts and of the last one's end: the least cost, and the
    /// number of the place where the last begins.
    best: Vec<Vec<(f64, usize)>>,
}

impl Division {
    /// Of a row of `len` bytes into `most` parts or fewer of no more than `longest` bytes, which
    /// begin at `starts`, the first of them 0, each given with a cost of its own.
    pub(super) fn new(
        starts: &[(usize, f64)],
        len: usize,
        most: usize,
        longest: usize,
        cost: &mut dyn FnMut((usize, f64), usize) -> f64,
    ) -> Self {
        let ends: Vec<usize> = starts.iter().map(|(at, _)| *at).chain([len]).collect();
        let none = (f64::INFINITY, 0);
        let mut best = vec![vec![none; ends.len()]; most + 1];
        if let Some(first) = best.first_mut().and_then(|b| b.first_mut()) {
            *first = (0.0, 0);
        }
        for (i, end) in ends.iter().enumerate().skip(1) {
            let first = starts.partition_point(|(at, _)| at.saturating_add(longest) < *end);
            for (j, start) in starts.iter().enumerate().take(i).skip(first) {
                let own = cost(*start, *end);
                if !own.is_finite() {
                    continue;
                }
                for k in 1..=most {
                    let before = best.get(k - 1).and_then(|b| b.get(j));
                    let total = before.map_or(f64::INFINITY, |b| b.0) + own;
                    if let Some(slot) = best.get_mut(k).and_then(|b| b.get_mut(i))
                        && total < slot.0
                    {
                        *slot = (total, j);
                    }
                }
            }
        }
        Self { ends, best }
    }

    fn at(&self, parts: usize, end: usize) -> (f64, usize) {
        let best = self.best.get(parts).and_then(|b| b.get(end));
        best.copied().unwrap_or((f64::INFINITY, 0))
    }

    /// The least cost of this many parts.
    pub(super) fn cost(&self, parts: usize) -> f64 {
        self.at(parts, self.ends.len().saturating_sub(1)).0
    }

    /// The number of parts with the least cost, that of their number included.
    pub(super) fn likeliest(&self, of_number: impl Fn(usize) -> f64) -> (usize, f64) {
        let total = |k: usize| self.cost(k) + of_number(k);
        let all = (1..self.best.len()).map(|k| (k, total(k)));
        let least = all.min_by(|a, b| a.1.total_cmp(&b.1));
        least
            .filter(|l| l.1.is_finite())
            .unwrap_or((1, f64::INFINITY))
    }

    /// Where to cut.
    pub(super) fn cuts(&self, parts: usize) -> Vec<usize> {
        let mut cuts = Vec::new();
        let mut end = self.ends.len().saturating_sub(1);
        for k in (2..=parts).rev() {
            end = self.at(k, end).1;
            cuts.extend(self.ends.get(end));
        }
        cuts.reverse();
        cuts
    }
}

#[cfg(test)]
mod tests {
    use super::Division;

    #[test]
    fn a_row_is_cut_where_packets_may_begin_and_sizes_are_likely() {
        let cuts = |starts: &[usize], len, n| {
            let starts: Vec<_> = starts.iter().map(|s| (*s, 0.0)).collect();
            let mut cost =
                |from: (usize, f64), to: usize| ((to - from.0) as f64 - 100.0).abs() / 20.0;
            let division = Division::new(&starts, len, n + 2, 150, &mut cost);
            let of_number = |k: usize| k.abs_diff(n) as f64 * 12.0;
            division.cuts(division.likeliest(of_number).0)
        };
        assert_eq!(cuts(&[0, 40, 97, 150], 201, 2), [97]);
        assert_eq!(cuts(&[0, 101, 199], 300, 3), [101, 199]);
        assert!(cuts(&[0], 300, 3).is_empty(), "nowhere to cut");
        assert!(cuts(&[0], 0, 1).is_empty());
    }
}
