//! What QuickTime adds (QuickTime File Format Specification).

use super::rule::Cond::NoFlag;
use super::rule::Count::{By, More, Of, Rest};
use super::rule::Len::{self, Prefixed};
use super::rule::Rule::{Bytes, Code, Fixed, If, Int, Language, List, Skip, Text, Ufixed, Uint};
use super::rule::{Layout, Rule, full, plain};

pub(super) const LAYOUTS: &[Layout] = &[
    // "User Data Text Strings": all types that begin with `©`; see `super::find`
    plain(
        &[TEXT],
        &[List(
            "strings",
            Rest,
            &[
                Uint("size", 16),
                Language("language"),
                Text("text", Len::By("size")),
            ],
        )],
    ),
    // "User Data List Entry Types"
    plain(&[b"WLOC"], &[Int("x", 16), Int("y", 16)]),
    plain(&[b"LOOP"], &[Uint("loop_style", 32)]),
    plain(&[b"SelO"], &[Uint("selection_only", 8)]),
    plain(&[b"AllF"], &[Uint("play_all_frames", 8)]),
    plain(&[b"name", b"hnam"], &[Text("name", Len::Rest)]).inside(&[b"udta"]),
    plain(
        &[b"ptv "],
        &[
            Uint("display_size", 16),
            Skip(32),
            Uint("slide_show", 8),
            Uint("play_on_open", 8),
        ],
    ),
    // "Track Aperture Mode Dimensions Atoms"
    full(
        &[b"clef", b"prof", b"enof"],
        &[Ufixed("width", 32, 16), Ufixed("height", 32, 16)],
    ),
    // "Base Media Info Atoms"
    full(
        &[b"gmin"],
        &[
            Uint("graphics_mode", 16),
            List("opcolor", Of(3), &[Uint("", 16)]),
            Fixed("balance", 16, 8),
            Skip(16),
        ],
    ),
    // "Timecode Media Information Atom"; writers put two bytes behind the size
    full(
        &[b"tcmi"],
        &[
            Uint("text_font", 16),
            Uint("text_face", 16),
            Uint("text_size", 16),
            Skip(16),
            List("text_color", Of(3), &[Uint("", 16)]),
            List("background_color", Of(3), &[Uint("", 16)]),
            Text("font_name", Prefixed(8)),
        ],
    ),
    // "Track Load Settings Atoms"
    plain(
        &[b"load"],
        &[
            Int("preload_start_time", 32),
            Int("preload_duration", 32),
            Uint("preload_flags", 32),
            Uint("default_hints", 32),
        ],
    ),
    // "Color Table Atoms"
    plain(
        &[b"ctab"],
        &[
            Uint("color_table_seed", 32),
            Uint("color_table_flags", 16),
            Uint("color_table_size", 16),
            List(
                "colors",
                More("color_table_size", 1),
                &[List("", Of(4), &[Uint("", 16)])],
            ),
        ],
    ),
    // "Clipping Region Atoms"
    plain(
        &[b"crgn"],
        &[
            Uint("region_size", 16),
            Int("top", 16),
            Int("left", 16),
            Int("bottom", 16),
            Int("right", 16),
            Bytes("region", Len::Rest),
        ],
    ),
    // "Preview Atoms"
    plain(
        &[b"pnot"],
        &[
            Rule::Date("modification_date"),
            Uint("version", 16),
            Code("atom_type"),
            Uint("atom_index", 16),
        ],
    ),
    // "Data Reference Atoms"
    full(
        &[b"alis", b"rsrc"],
        &[If(NoFlag(1), &[Bytes("alias", Len::Rest)])],
    ),
    // "Compressed Movie Resources"
    plain(&[b"dcom"], &[Code("compression")]),
    plain(
        &[b"cmvd"],
        &[Uint("uncompressed_size", 32), Bytes("data", Len::Rest)],
    ),
    // "Reference Movies"
    full(
        &[b"rdrf"],
        &[
            Code("reference_type"),
            Uint("reference_size", 32),
            Text("reference", Len::By("reference_size")),
        ],
    ),
    full(&[b"rmdr"], &[Uint("data_rate", 32)]),
    full(&[b"rmcs"], &[Uint("cpu_speed", 16)]),
    plain(&[b"rmqu"], &[Uint("quality", 32)]),
    full(
        &[b"rmvc"],
        &[
            Code("software_package"),
            Uint("version_value", 32),
            Uint("mask", 32),
            Uint("check_type", 16),
        ],
    ),
    full(
        &[b"rmcd"],
        &[
            Code("component_type"),
            Code("component_subtype"),
            Code("component_manufacturer"),
            Uint("component_flags", 32),
            Uint("component_flags_mask", 32),
            Uint("minimum_version", 32),
        ],
    ),
    // "Timed Metadata Sample Descriptions"
    plain(
        &[b"keyd"],
        &[Code("key_namespace"), Text("key_value", Len::Rest)],
    ),
    // "Font Table" of text; 3GPP TS 26.245 5.16
    plain(
        &[b"ftab"],
        &[
            Uint("entry_count", 16),
            List(
                "fonts",
                By("entry_count"),
                &[Uint("font_id", 16), Text("font", Prefixed(8))],
            ),
        ],
    ),
];

/// Stands for all types that begin with `©`.
pub(super) const TEXT: &[u8; 4] = b"\xa9   ";
