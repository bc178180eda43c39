//! Sound that is coded as differences: ITU-T G.722 and G.726, decoded to linear samples.
//!
//! No sample entry for them is read by players, so that a recorder has to decode what others only look at. Both are
//! exact in integers: every decoder puts out the same samples.

mod g722;
mod g726;

pub use g722::G722Decoder;
pub use g726::{G726Decoder, Packing};

/// A sample of 16 bits, the nearest there is.
fn saturated(value: i32) -> i32 {
    value.clamp(i16::MIN.into(), i16::MAX.into())
}

/// What [`saturated`] gave, as what it is.
fn sample(value: i32) -> i16 {
    i16::try_from(saturated(value)).unwrap_or_default()
}
