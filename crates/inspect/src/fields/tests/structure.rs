//! Headers, tables, fragments, groups and references.

use super::Case;

pub(super) const CASES: &[Case] = &[
    (
        "ftyp",
        "'isom' 00000200 'isom' 'avc1'",
        "major_brand='isom' minor_version=512 compatible_brands=['isom', 'avc1']",
    ),
    (
        "styp",
        "'msdh' 00000000",
        "major_brand='msdh' minor_version=0 compatible_brands=[]",
    ),
    ("free", "'by hand' 00 00", "text=\"by hand\""),
    ("skip", "00 01 02", ""),
    (
        "pdin",
        "00000000 00001000 0000000a",
        "entries=[{rate=4096 initial_delay=10}]",
    ),
    (
        "mvhd",
        "00000000 00000001 00000002 000003e8 00000bb8 00010000 0100 0000 00000000 00000000 \
        00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000 40000000 \
        00000000 00000000 00000000 00000000 00000000 00000000 00000003",
        "creation_time=1 modification_time=2 timescale=1000 duration=3000 rate=1 volume=1 \
         matrix=[1, 0, 0, 0, 1, 0, 0, 0, 1] next_track_id=3",
    ),
    (
        "tkhd",
        "01000003 0000000000000001 0000000000000002 00000007 00000000 0000000100000000 \
        00000000 00000000 ffff 0001 0100 0000 \
        00000000 00010000 00000000 ffff0000 00000000 00000000 00000000 00000000 40000000 \
        05000000 02d08000",
        "version=1 flags=3 creation_time=1 modification_time=2 track_id=7 duration=4294967296 layer=-1 \
         alternate_group=1 volume=1 matrix=[0, 1, 0, -1, 0, 0, 0, 0, 1] width=1280 height=720.5",
    ),
    (
        "mdhd",
        "00000000 00000000 00000000 00003200 00000400 55c4 0000",
        "creation_time=0 modification_time=0 timescale=12800 duration=1024 language=\"und\"",
    ),
    (
        "hdlr",
        "00000000 'mhlr' 'vide' 'appl' 00000000 00000000 05 'Video'",
        "component_type='mhlr' handler_type='vide' component_manufacturer='appl' name=\"Video\"",
    ),
    ("elng", "00000000 'de-CH' 00", "extended_language=\"de-CH\""),
    (
        "elst",
        "00000000 00000002 000001f4 ffffffff 00010000 00000bb8 00000400 00008000",
        "entry_count=2 entries=[{segment_duration=500 media_time=-1 media_rate=1}, \
         {segment_duration=3000 media_time=1024 media_rate=0.5}]",
    ),
    ("dref", "00000000 00000001", "entry_count=1"),
    (
        "url ",
        "00000000 'http://a/b' 00",
        "location=\"http://a/b\"",
    ),
    ("urn ", "00000001 'urn:x' 00", "flags=1 name=\"urn:x\""),
    (
        "vmhd",
        "00000001 0040 0001 0002 0003",
        "flags=1 graphicsmode=64 opcolor=[1, 2, 3]",
    ),
    ("smhd", "00000000 ff00 0000", "balance=-1"),
    (
        "hmhd",
        "00000000 05dc 0200 00010000 00008000 00000000",
        "max_pdu_size=1500 avg_pdu_size=512 max_bitrate=65536 avg_bitrate=32768",
    ),
    ("nmhd", "00000000", ""),
    ("sthd", "00000000", ""),
    (
        "tsel",
        "00000000 00000002 'tesc' 'bitr'",
        "switch_group=2 attribute_list=['tesc', 'bitr']",
    ),
    (
        "kind",
        "00000000 'urn:mpeg' 00 'main' 00",
        "scheme_uri=\"urn:mpeg\" value=\"main\"",
    ),
    (
        "mehd",
        "01000000 0000000200000001",
        "version=1 fragment_duration=8589934593",
    ),
    (
        "trex",
        "00000000 00000001 00000001 00000200 00000000 00010000",
        "track_id=1 default_sample_description_index=1 default_sample_duration=512 default_sample_size=0 \
         default_sample_flags=65536",
    ),
    (
        "leva",
        "00000000 02 00000001 81 'roll' 00000005 00000001 04 00000009",
        "level_count=2 levels=[{track_id=1 padding_flag=1 assignment_type=1 grouping_type='roll' \
         grouping_type_parameter=5}, {track_id=1 padding_flag=0 assignment_type=4 sub_track_id=9}]",
    ),
    (
        "trep",
        "00000000 00000001 aabb",
        "track_id=1 properties=aabb",
    ),
    (
        "assp",
        "01000000 00000001 00000002 fffffff0",
        "version=1 num_entries=1 entries=[{grouping_type_parameter=2 min_initial_alt_startup_offset=-16}]",
    ),
    (
        "strk/stri",
        "00000000 0001 0002 00000003 'tesc'",
        "switch_group=1 alternate_group=2 sub_track_id=3 attribute_list=['tesc']",
    ),
    (
        "stsg",
        "00000000 'roll' 0002 00000001 00000004",
        "grouping_type='roll' item_count=2 group_description_index=[1, 4]",
    ),
    (
        "stvi",
        "00000000 00000003 00000001 00000004 00000001",
        "single_view_allowed=3 stereo_scheme=1 stereo_indication_type=00000001",
    ),
    (
        "iods",
        "00000000 10 07 004f ffff 0f7f ff",
        "descriptors=[{tag=16 size=7}]",
    ),
    // Tables.
    ("stsd", "00000000 00000001", "entry_count=1"),
    ("stdp", "00000000 0001 0002", "priority=[1, 2]"),
    (
        "stts",
        "00000000 00000002 0000000a 00000200 00000001 00000100",
        "entry_count=2 entries=[{sample_count=10 sample_delta=512}, {sample_count=1 sample_delta=256}]",
    ),
    (
        "ctts",
        "01000000 00000001 00000003 fffffe00",
        "version=1 entry_count=1 entries=[{sample_count=3 sample_offset=-512}]",
    ),
    (
        "cslg",
        "00000000 00000200 fffffe00 00000400 00000000 00001000",
        "composition_to_dts_shift=512 least_decode_to_display_delta=-512 \
         greatest_decode_to_display_delta=1024 composition_start_time=0 composition_end_time=4096",
    ),
    (
        "stss",
        "00000000 00000002 00000001 0000001a",
        "entry_count=2 sample_number=[1, 26]",
    ),
    (
        "stps",
        "00000000 00000001 0000000d",
        "entry_count=1 sample_number=[13]",
    ),
    (
        "stsh",
        "00000000 00000001 00000005 00000002",
        "entry_count=1 entries=[{shadowed_sample_number=5 sync_sample_number=2}]",
    ),
    (
        "sdtp",
        "00000000 a4",
        "samples=[{is_leading=2 sample_depends_on=2 sample_is_depended_on=1 sample_has_redundancy=0}]",
    ),
    (
        "stsz",
        "00000000 00000000 00000002 00000064 000000c8",
        "sample_size=0 sample_count=2 entry_size=[100, 200]",
    ),
    (
        "stz2",
        "00000000 000000 04 00000003 12 30",
        "field_size=4 sample_count=3 entry_size=[1, 2, 3]",
    ),
    (
        "stsc",
        "00000000 00000001 00000001 00000005 00000001",
        "entry_count=1 entries=[{first_chunk=1 samples_per_chunk=5 sample_description_index=1}]",
    ),
    (
        "stco",
        "00000000 00000002 00000030 00001000",
        "entry_count=2 chunk_offset=[48, 4096]",
    ),
    (
        "co64",
        "00000000 00000001 0000000100000000",
        "entry_count=1 chunk_offset=[4294967296]",
    ),
    (
        "padb",
        "00000000 00000002 17",
        "sample_count=2 padding_bits=[1, 7]",
    ),
    (
        "subs",
        "00000000 00000001 00000001 0001 0040 01 00 00000000",
        "entry_count=1 entries=[{sample_delta=1 subsample_count=1 subsamples=[{subsample_size=64 \
         subsample_priority=1 discardable=0 codec_specific_parameters=0}]}]",
    ),
    (
        "saiz",
        "00000001 'cenc' 00000000 00 00000002 1016",
        "flags=1 aux_info_type='cenc' aux_info_type_parameter=0 default_sample_info_size=0 sample_count=2 \
         sample_info_size=[16, 22]",
    ),
    (
        "saio",
        "01000000 00000001 0000000100000000",
        "version=1 entry_count=1 offset=[4294967296]",
    ),
    // Fragments.
    ("mfhd", "00000000 00000007", "sequence_number=7"),
    (
        "tfhd",
        "0000003b 00000001 0000000000001000 00000001 00000200 00000064 01010000",
        "flags=59 track_id=1 base_data_offset=4096 sample_description_index=1 default_sample_duration=512 \
         default_sample_size=100 default_sample_flags=16842752",
    ),
    (
        "trun",
        "01000f05 00000001 fffffff0 02000000 00000200 00000064 01010000 fffffe00",
        "version=1 flags=3845 sample_count=1 data_offset=-16 first_sample_flags=33554432 samples=[{duration=512 \
         size=100 flags=16842752 composition_time_offset=-512}]",
    ),
    (
        "tfra",
        "01000000 00000001 00000006 00000001 0000000000000200 0000000000001000 01 0002 000003",
        "version=1 track_id=1 length_size_of_traf_num=0 length_size_of_trun_num=1 length_size_of_sample_num=2 \
         number_of_entry=1 entries=[{time=512 moof_offset=4096 traf_number=1 trun_number=2 sample_number=3}]",
    ),
    ("mfro", "00000000 00000043", "parent_size=67"),
    (
        "tfdt",
        "01000000 0000000100000002",
        "version=1 base_media_decode_time=4294967298",
    ),
    (
        "sidx",
        "00000000 00000001 000003e8 00000000 00000010 0000 0001 80001000 00000bb8 9000000a",
        "reference_id=1 timescale=1000 earliest_presentation_time=0 first_offset=16 reference_count=1 \
         references=[{reference_type=1 referenced_size=4096 subsegment_duration=3000 starts_with_sap=1 sap_type=1 \
         sap_delta_time=10}]",
    ),
    (
        "ssix",
        "00000000 00000001 00000002 00 000100 01 000200",
        "subsegment_count=1 subsegments=[{range_count=2 ranges=[{level=0 range_size=256}, {level=1 range_size=512}]}]",
    ),
    (
        "prft",
        "00000018 00000001 83aa7e80 80000000 00001000",
        "flags=24 reference_track_id=1 ntp_timestamp=9487534655377768448 media_time=4096",
    ),
    (
        "emsg",
        "01000000 000003e8 0000000000000bb8 00000064 00000001 'urn:a' 00 '1' 00 cafe",
        "version=1 timescale=1000 presentation_time=3000 event_duration=100 id=1 scheme_id_uri=\"urn:a\" value=\"1\" \
         message_data=cafe",
    ),
    (
        "emib",
        "00000000 00000000 ffffffffffffffff 00000064 00000001 'urn:a' 00 '1' 00 ca",
        "presentation_time_delta=-1 event_duration=100 id=1 scheme_id_uri=\"urn:a\" value=\"1\" message_data=ca",
    ),
    // Groups and references.
    ("tref/chap", "00000003 00000004", "track_id=[3, 4]"),
    ("trgr/msrc", "00000000 00000005", "track_group_id=5"),
    (
        "grpl/altr",
        "00000000 00000009 00000002 00000001 00000002",
        "group_id=9 num_entities_in_group=2 entity_id=[1, 2]",
    ),
    (
        "iref/thmb",
        "0002 0001 0001",
        "from_item_id=2 reference_count=1 to_item_id=[1]",
    ),
    (
        "iref/dimg",
        "00000005 0002 00000001 00000002",
        "from_item_id=5 reference_count=2 to_item_id=[1, 2]",
    ),
    (
        "sbgp",
        "01000000 'roll' 00000000 00000001 0000000a 00000001",
        "version=1 grouping_type='roll' grouping_type_parameter=0 entry_count=1 entries=[{sample_count=10 \
         group_description_index=1}]",
    ),
    (
        "sgpd",
        "01000000 'roll' 00000002 00000001 ffff",
        "version=1 grouping_type='roll' default_length=2 entry_count=1 entries=[{roll_distance=-1}]",
    ),
    (
        "sgpd",
        "01000000 'rap ' 00000001 00000001 83",
        "version=1 grouping_type='rap ' default_length=1 entry_count=1 entries=[{num_leading_samples_known=1 \
         num_leading_samples=3}]",
    ),
    (
        "sgpd",
        "01000000 'seig' 00000000 00000001 00000019 00 19 01 00 000102030405060708090a0b0c0d0e0f 04 deadbeef",
        "version=1 grouping_type='seig' default_length=0 entry_count=1 entries=[{description_length=25 \
         crypt_byte_block=1 skip_byte_block=9 is_protected=1 per_sample_iv_size=0 \
         kid=000102030405060708090a0b0c0d0e0f constant_iv=deadbeef}]",
    ),
    (
        "sgpd",
        "01000000 'zzzz' 00000000 00000002 00000001 aa 00000002 bbcc",
        "version=1 grouping_type='zzzz' default_length=0 entry_count=2 entries=[{description_length=1 entry=aa}, \
         {description_length=2 entry=bbcc}]",
    ),
    (
        "csgp",
        "00000000 'roll' 00000001 aabb",
        "grouping_type='roll' pattern_count=1 patterns=aabb",
    ),
];
