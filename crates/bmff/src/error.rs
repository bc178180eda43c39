//! Errors, by who is to blame.

/// The result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why boxes could not be read. What is merely wrong with them is a
/// [`Defect`](crate::Defect).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source failed.
    #[error(transparent)]
    Io(#[from] tapo_io::Error),
    /// A limit of ours was reached.
    #[error("more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}
