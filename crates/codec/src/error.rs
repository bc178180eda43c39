//! What can be wrong with coded bytes, and whose fault it is.

/// Why bytes could not be read as what they claim to be.
///
/// Small, `Copy` and without allocation: a recogniser meets one of these at nearly every offset it tries.
/// `structure` names what was being read ("H.264 slice header"), `element` the syntax element, spelled as in its standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes end before the element does.
    #[error("{structure} ends within {element}")]
    Truncated {
        /// What was being read.
        structure: &'static str,
        /// The element that did not fit.
        element: &'static str,
    },
    /// An element has a value that its standard forbids.
    #[error("{structure} has an illegal {element}")]
    Malformed {
        /// What was being read.
        structure: &'static str,
        /// The element with the illegal value.
        element: &'static str,
    },
    /// A sample entry lacks the configuration box that its type demands.
    #[error("the sample entry has no {kind} box")]
    MissingConfiguration {
        /// The box type.
        kind: &'static str,
    },
    /// A slice or picture parameter set refers to a parameter set that was not seen.
    #[error("{kind} {id} is referred to but was never sent")]
    MissingParameterSet {
        /// "SPS" or "PPS" (H.265 also "VPS").
        kind: &'static str,
        /// Its identifier.
        id: u32,
    },
    /// Legal, but outside of what this crate reads.
    #[error("{structure} uses {feature}, which is not supported")]
    Unsupported {
        /// What was being read.
        structure: &'static str,
        /// The feature in question.
        feature: &'static str,
    },
    /// Longer than anything legitimate of its kind.
    #[error("{structure} is longer than {bytes} bytes")]
    Limit {
        /// What was being read.
        structure: &'static str,
        /// The limit that was passed, in bytes.
        bytes: usize,
    },
}

/// Short for a result with [`CodecError`].
pub type Result<T> = std::result::Result<T, CodecError>;
