//! How repairs of and by the bad files end.

/// An exit code and what is said beside it.
pub type End = (i32, &'static str);

/// A file, and how repairs end: of it with a good reference, of it alone in a
/// folder, and of a good file's media with it as the reference.
pub struct Row(pub &'static str, pub End, pub End, pub End);

/// Players take it as it is: it is left alone.
pub const SOUND: End = (0, "nothing to repair");
/// Every sample is in the output.
pub const ALL: End = (0, "all that is in it is recovered");
/// What is whole is in the output, and what is missing is said.
pub const PART: End = (3, "recovered in part");
/// Either exit code of a result: it depends on the sizes in its tables.
pub const EITHER: i32 = -1;
/// The index has the first samples elsewhere; those that are not where they were
/// are found by search, if they are in one piece.
pub const MISPLACED: End = (EITHER, "recovered");
/// Nothing is left in it to go by.
pub const ALONE: End = (5, "no reference: name a healthy recording");
/// It does not even begin as an MP4.
pub const FOREIGN: End = (6, "not an MP4");
/// Its parameter sets do not read the media data.
pub const MISFIT: End = (7, "does not fit");
/// As a reference: boxes, but nothing to learn from.
pub const EMPTY: End = (7, "cannot serve as a reference: it holds no samples");
/// As a reference: no index.
pub const BARE: End = (7, "cannot serve as a reference: it has no moov box");
/// Media data in which nothing is a sample.
pub const NOTHING: End = (
    5,
    "nothing could be recovered: no sample of any track was recognised in its media data",
);
/// No media data at all.
pub const BOXES: End = (5, "nothing could be recovered: it holds no media data");
/// An index of media data that the file does not have.
pub const INDEX: End = (
    5,
    "nothing could be recovered: its index is there, but none of the media data",
);

pub const TABLE: &[Row] = &[
    Row("00_control", SOUND, SOUND, ALL),
    Row("00_control_frag", SOUND, SOUND, ALL),
    Row(
        "01_deep_nest_12500",
        BOXES,
        ALONE,
        (7, "cannot serve as a reference: it holds no media data"),
    ),
    Row("02_deep_nest_moof_traf_3000", BOXES, ALONE, BARE),
    Row(
        "03_deep_udta_20000",
        BOXES,
        ALONE,
        (7, "cannot serve as a reference: it holds no media data"),
    ),
    Row("04_size_lt8", ALL, ALL, BARE),
    Row("05_size0_mid", NOTHING, NOTHING, BARE),
    Row("06_size1_large_lt16", NOTHING, NOTHING, BARE),
    Row("07_size1_huge", NOTHING, NOTHING, BARE),
    Row("08_size1_int63", NOTHING, ALONE, BARE),
    Row("09_child_gt_parent", ALL, ALONE, MISFIT),
    Row("10_size0_child", SOUND, SOUND, ALL),
    Row("11_header_truncated", SOUND, SOUND, ALL),
    Row("12_trailing_zeros", SOUND, SOUND, ALL),
    Row("13_trailing_garbage", ALL, ALL, ALL),
    Row("14_million_boxes", BOXES, ALONE, BARE),
    Row(
        "15_million_boxes_in_udta",
        BOXES,
        BOXES,
        (7, "cannot serve as a reference: it holds no media data"),
    ),
    Row("20_stsz_count_max", ALL, ALL, ALL),
    Row("21_stsz_const_count_max", ALL, ALL, ALL),
    Row(
        "22_stts_bomb",
        ALL,
        ALL,
        (
            7,
            "it is broken itself: by its index each sample of track 1 lasts",
        ),
    ),
    Row("23_stts_count_max", ALL, ALL, ALL),
    Row("24_stsc_spc_max", ALL, ALL, ALL),
    Row("25_stsc_zero", ALL, ALL, ALL),
    Row("26_stsc_first_chunk_0", SOUND, SOUND, ALL),
    Row("27_stsc_sdi_max", ALL, ALL, ALL),
    Row("28_stco_count_max", ALL, ALL, ALL),
    Row("29_stco_beyond_eof", ALL, ALL, ALL),
    Row("30_stco_in_moov", MISPLACED, MISPLACED, ALL),
    Row("31_stco_zero", MISPLACED, MISPLACED, ALL),
    Row("32_stsd_count_max", SOUND, SOUND, ALL),
    Row("33_stsd_entry_size0", ALL, ALL, ALL),
    Row("34_ctts_bomb", ALL, ALL, ALL),
    Row("35_elst_count_max", ALL, ALL, ALL),
    Row("36_stss_unsorted", SOUND, SOUND, ALL),
    Row("40_mvhd_timescale0", SOUND, SOUND, ALL),
    Row(
        "41_mdhd_timescale0",
        ALL,
        ALL,
        (
            7,
            "it is broken itself: by its index each sample of track 1 lasts",
        ),
    ),
    Row("42_dup_track_id", SOUND, SOUND, ALL),
    Row("43_two_moov", ALL, ALL, ALL),
    Row("44_two_ftyp", ALL, ALL, ALL),
    Row("45_no_ftyp", ALL, ALL, ALL),
    Row("46_no_moov", ALL, ALONE, BARE),
    Row(
        "47_trunc_moov",
        ALL,
        ALONE,
        (7, "it is broken itself: its index is cut off at byte"),
    ),
    Row("48_trunc_mdat_faststart", ALL, ALL, ALL),
    Row("49_mdat_size_unpatched", ALL, ALONE, BARE),
    Row("50_avcC_sps_len", ALL, ALONE, MISFIT),
    Row("51_avcC_nsps31", ALL, ALONE, MISFIT),
    Row("52_avcC_empty", ALL, ALONE, MISFIT),
    Row("53_esds_len_loop", SOUND, SOUND, ALL),
    Row("54_esds_zero", SOUND, SOUND, PART),
    Row("60_trun_count_max", ALL, ALL, ALL),
    Row("61_trun_bomb", NOTHING, NOTHING, EMPTY),
    Row("62_trun_bomb_x200", NOTHING, NOTHING, EMPTY),
    Row("63_tfhd_unknown_track", ALL, ALL, ALL),
    Row("64_trun_dataoffset_neg", PART, PART, ALL),
    Row("65_moof_no_moov", ALL, ALONE, BARE),
    Row("66_sidx_self_loop", SOUND, SOUND, ALL),
    Row("67_frag_trunc_mdat", ALL, ALL, ALL),
    Row("68_mfro_bad", SOUND, SOUND, ALL),
    Row("70_meta_qt_style", SOUND, SOUND, ALL),
    Row(
        "71_ilst_bad",
        INDEX,
        INDEX,
        (7, "cannot serve as a reference: it holds no media data"),
    ),
    Row(
        "72_cmov_bomb",
        BOXES,
        ALONE,
        (7, "cannot serve as a reference: it holds no media data"),
    ),
    Row(
        "73_cmov_liar",
        BOXES,
        ALONE,
        (7, "cannot serve as a reference: it holds no media data"),
    ),
    Row("74_dref_external", SOUND, SOUND, ALL),
    Row("75_iloc_huge", BOXES, ALONE, BARE),
    Row("76_uuid_short", ALL, ALL, BARE),
    Row("77_overlap_chunks", ALL, ALL, ALL),
    Row("78_hdlr_no_nul", SOUND, SOUND, ALL),
    Row("79_nonascii_types", ALL, ALL, BARE),
    Row(
        "80_title_escape",
        INDEX,
        INDEX,
        (7, "cannot serve as a reference: it holds no media data"),
    ),
    Row("81_sparse_1TiB", BOXES, ALONE, BARE),
    Row(
        "82_empty",
        (5, "nothing could be recovered: it is empty"),
        FOREIGN,
        BARE,
    ),
    Row("83_seven_bytes", NOTHING, FOREIGN, BARE),
    Row("84_jpeg_named_mp4", NOTHING, FOREIGN, BARE),
    Row(
        "85_all_zero_1MiB",
        (5, "nothing could be recovered: it holds nothing but zeros"),
        FOREIGN,
        BARE,
    ),
    Row("86_all_ff_1MiB", MISFIT, FOREIGN, BARE),
];
