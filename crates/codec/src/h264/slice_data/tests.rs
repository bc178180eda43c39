//! Slices of real encoders.
