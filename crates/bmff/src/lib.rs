//! Boxes of ISO/IEC 14496-12 and QuickTime: find, read and write them.
//!
//! This crate knows box types and where boxes stand, but no sample: it survives
//! any bytes, walks without recursion ([`limits::DEPTH`]), keeps absolute
//! [`Span`](tapo_io::Span)s for all it sees and reports what is wrong as
//! [`Defect`]s, which are data, not errors. Leaf boxes are decoded behind
//! [`leaf`], sample entries are split by [`SampleEntry`].

mod defect;
pub mod entry;
mod error;
mod fourcc;
mod header;
mod kind;
pub mod leaf;
pub mod limits;
mod table;
mod tree;
mod walk;
mod write;

pub use defect::{Defect, Flaw};
pub use entry::SampleEntry;
pub use error::{Error, Result};
pub use fourcc::FourCc;
pub use header::{BoxHeader, BoxSize};
pub use kind::is_container;
pub use table::{be_u16, be_u32, be_u64, full_box, records};
pub use tree::{BoxNode, BoxTree, Branch, NodeId, Trees};
pub use walk::{Step, Walker};
pub use write::BoxWriter;
