//! Parameter sets in force, with the bytes that they were read from.

use crate::error::Result;
use crate::nal::trim_trailing_zeros;
use crate::{h264, h265};
use std::fmt::Debug;

/// The parameter sets of a codec.
pub(crate) trait Sets {
    /// Tells one set from another that it does not replace.
    type Id: Copy + PartialEq + Debug + Send + Sync;

    /// Takes a parameter set, or says that the NAL unit is none.
    fn add(&mut self, nal: &[u8]) -> Result<Option<Self::Id>>;
}

impl Sets for h264::ParameterSets {
    type Id = h264::ParameterSet;

    fn add(&mut self, nal: &[u8]) -> Result<Option<Self::Id>> {
        Self::add(self, nal)
    }
}

impl Sets for h265::ParameterSets {
    type Id = h265::ParameterSet;

    fn add(&mut self, nal: &[u8]) -> Result<Option<Self::Id>> {
        Self::add(self, nal)
    }
}

/// More sets than this are not remembered by their bytes.
const MAX_HELD: usize = 128;

/// Parameter sets in force, which knows a repeated one without reading it.
#[derive(Debug, Clone)]
pub(crate) struct Held<S: Sets> {
    pub(crate) sets: S,
    /// The NAL units in force.
    raw: Vec<(Option<S::Id>, Vec<u8>)>,
}

impl<S: Sets> Held<S> {
    pub(crate) const fn new(sets: S) -> Self {
        Self {
            sets,
            raw: Vec::new(),
        }
    }

    /// Whether this very parameter set is in force.
    pub(crate) fn has(&self, nal: &[u8]) -> bool {
        let nal = trim_trailing_zeros(nal);
        self.raw.iter().any(|(_, known)| known == nal)
    }

    /// Takes a parameter set.
    ///
    /// # Errors
    /// It is unreadable.
    pub(crate) fn add(&mut self, nal: &[u8]) -> Result<()> {
        let nal = trim_trailing_zeros(nal);
        let result = self.sets.add(nal);
        let which = *result.as_ref().unwrap_or(&None);
        if which.is_some() {
            self.raw.retain(|(known, _)| *known != which);
        }
        // One that cannot be read is still known when it comes again, as in the configuration of odd encoders.
        if self.raw.len() < MAX_HELD && !self.has(nal) {
            self.raw.push((which, nal.to_vec()));
        }
        result.map(drop)
    }
}
