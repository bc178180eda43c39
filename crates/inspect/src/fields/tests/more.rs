//! Metadata, images, QuickTime, hints, user data, makers' boxes, `uuid` boxes.

use super::Case;

pub(super) const CASES: &[Case] = &[
    ("meta", "00000000", ""),
    ("xml ", "00000000 '<a/>' 00", "xml=\"<a/>\""),
    ("bxml", "00000000 cafe", "data=cafe"),
    (
        "iloc",
        "01000000 44 40 0001 0001 0000 0000 00000100 0001 00000010 00000020",
        "version=1 offset_size=4 length_size=4 base_offset_size=4 index_size=0 item_count=1 items=[{item_id=1 \
         construction_method=0 data_reference_index=0 base_offset=256 extent_count=1 extents=[{offset=16 length=32}]}]",
    ),
    (
        "iloc",
        "02000000 48 02 00000001 00010000 0001 0000 0001 0007 00000010 0000000000000020",
        "version=2 offset_size=4 length_size=8 base_offset_size=0 index_size=2 item_count=1 items=[{item_id=65536 \
         construction_method=1 data_reference_index=0 base_offset=0 extent_count=1 extents=[{index=7 offset=16 length=32}]}]",
    ),
    ("pitm", "00000000 0001", "item_id=1"),
    ("ipro", "00000000 0002", "protection_count=2"),
    ("iinf", "01000000 00000003", "version=1 entry_count=3"),
    (
        "infe",
        "02000001 0001 0000 'mime' 'x' 00 'text/xml' 00",
        "version=2 flags=1 item_id=1 item_protection_index=0 item_type='mime' item_name=\"x\" content_type=\"text/xml\"",
    ),
    (
        "infe",
        "00000000 0001 0000 'x' 00 'text/xml' 00 'gzip' 00",
        "item_id=1 item_protection_index=0 item_name=\"x\" content_type=\"text/xml\" content_encoding=\"gzip\"",
    ),
    (
        "mere",
        "00000000 'mp7t' 'mp7b' 05",
        "first_metabox_handler_type='mp7t' second_metabox_handler_type='mp7b' metabox_relation=5",
    ),
    ("idat", "cafe", "data=cafe"),
    (
        "ipma",
        "00000000 00000001 0001 02 81 02",
        "entry_count=1 entries=[{item_id=1 association_count=2 associations=[{essential=1 property_index=1}, \
         {essential=0 property_index=2}]}]",
    ),
    (
        "ispe",
        "00000000 00000fc0 00000bd0",
        "image_width=4032 image_height=3024",
    ),
    (
        "pixi",
        "00000000 03 080808",
        "num_channels=3 bits_per_channel=[8, 8, 8]",
    ),
    (
        "rloc",
        "00000000 00000001 00000002",
        "horizontal_offset=1 vertical_offset=2",
    ),
    (
        "auxC",
        "00000000 'urn:alpha' 00 01",
        "aux_type=\"urn:alpha\" aux_subtype=01",
    ),
    ("irot", "03", "angle=3"),
    ("imir", "01", "axis=1"),
    ("lsel", "ffff", "layer_id=65535"),
    ("a1op", "02", "op_index=2"),
    (
        "a1lx",
        "01 00000064 000000c8 00000000",
        "large_size=1 layer_size=[100, 200, 0]",
    ),
    (
        "udes",
        "00000000 'en' 00 'n' 00 'd' 00 't,u' 00",
        "lang=\"en\" name=\"n\" description=\"d\" tags=\"t,u\"",
    ),
    (
        "keys",
        "00000000 00000001 00000023 'mdta' 'com.apple.quicktime.content'",
        "entry_count=1 entries=[{key_size=35 key_namespace='mdta' key_value=\"com.apple.quicktime.content\"}]",
    ),
    (
        "data",
        "00000001 0000 0000 'Lavf' ",
        "type_set=0 type=1 country=0 language=0 value=\"Lavf\"",
    ),
    (
        "data",
        "00000015 00000000 ffff",
        "type_set=0 type=21 country=0 language=0 value=-1",
    ),
    (
        "data",
        "00000017 00000000 3f000000",
        "type_set=0 type=23 country=0 language=0 value=0.5",
    ),
    (
        "data",
        "0000000d 00000000 ffd8",
        "type_set=0 type=13 country=0 language=0 value=ffd8",
    ),
    (
        "----/mean",
        "00000000 'com.apple.iTunes'",
        "text=\"com.apple.iTunes\"",
    ),
    ("----/name", "00000000 'iTunSMPB'", "text=\"iTunSMPB\""),
    // QuickTime.
    (
        "udta/\u{a9}xyz",
        "0008 15c7 '+27.5-90' 0001 0000 'x'",
        "strings=[{size=8 language=\"eng\" text=\"+27.5-90\"}, {size=1 language=0 text=\"x\"}]",
    ),
    ("WLOC", "0010 fff0", "x=16 y=-16"),
    ("LOOP", "00000001", "loop_style=1"),
    ("SelO", "01", "selection_only=1"),
    ("AllF", "00", "play_all_frames=0"),
    ("udta/name", "'Left' 00", "name=\"Left\""),
    ("udta/hnam", "'x'", "name=\"x\""),
    (
        "ptv ",
        "0001 00000000 01 01",
        "display_size=1 slide_show=1 play_on_open=1",
    ),
    (
        "clef",
        "00000000 07800000 04380000",
        "width=1920 height=1080",
    ),
    (
        "prof",
        "00000000 00008000 04380000",
        "width=0.5 height=1080",
    ),
    (
        "enof",
        "00000000 07800000 04380000",
        "width=1920 height=1080",
    ),
    (
        "gmin",
        "00000000 0040 8000 8000 8000 0000 0000",
        "graphics_mode=64 opcolor=[32768, 32768, 32768] balance=0",
    ),
    (
        "tcmi",
        "00000000 0000 0000 000c 0000 0000 0000 0000 ffff ffff ffff 05 'Arial'",
        "text_font=0 text_face=0 text_size=12 text_color=[0, 0, 0] background_color=[65535, 65535, 65535] font_name=\"Arial\"",
    ),
    (
        "load",
        "00000000 ffffffff 00000001 00000104",
        "preload_start_time=0 preload_duration=-1 preload_flags=1 default_hints=260",
    ),
    (
        "ctab",
        "00000000 8000 0000 0000 ffff 0000 0000",
        "color_table_seed=0 color_table_flags=32768 color_table_size=0 colors=[[0, 65535, 0, 0]]",
    ),
    (
        "crgn",
        "000a 0000 0000 00f0 0140",
        "region_size=10 top=0 left=0 bottom=240 right=320 region=",
    ),
    (
        "pnot",
        "00000002 0000 'PICT' 0001",
        "modification_date=2 atom_type='PICT' atom_index=1",
    ),
    ("alis", "00000001", "flags=1"),
    ("rsrc", "00000000 0001", "alias=0001"),
    ("dcom", "'zlib'", "compression='zlib'"),
    ("cmvd", "00001000 789c", "uncompressed_size=4096 data=789c"),
    (
        "rdrf",
        "00000000 'url ' 00000004 'a.mo'",
        "reference_type='url ' reference_size=4 reference=\"a.mo\"",
    ),
    ("rmdr", "00000000 000005dc", "data_rate=1500"),
    ("rmcs", "00000000 0064", "cpu_speed=100"),
    ("rmqu", "00000001", "quality=1"),
    (
        "rmvc",
        "00000000 'qtim' 06008000 ffffffff 0000",
        "software_package='qtim' version_value=100696064 mask=4294967295 check_type=0",
    ),
    (
        "rmcd",
        "00000000 'mhlr' 'vide' 'appl' 00000000 00000001 00000002",
        "component_type='mhlr' component_subtype='vide' component_manufacturer='appl' component_flags=0 \
         component_flags_mask=1 minimum_version=2",
    ),
    (
        "keyd",
        "'mdta' 'com.x'",
        "key_namespace='mdta' key_value=\"com.x\"",
    ),
    (
        "ftab",
        "0001 0001 05 'Serif'",
        "entry_count=1 fonts=[{font_id=1 font=\"Serif\"}]",
    ),
    // Hints.
    ("hinf/trpy", "0000000000000001", "bytes=1"),
    ("hinf/tpyl", "0000000000000002", "bytes=2"),
    ("hinf/dmed", "0000000000000003", "bytes=3"),
    ("hinf/dimm", "0000000000000004", "bytes=4"),
    ("hinf/drep", "0000000000000005", "bytes=5"),
    ("hinf/nump", "0000000000000006", "packets=6"),
    ("hinf/totl", "00000007", "bytes=7"),
    ("hinf/tpay", "00000008", "bytes=8"),
    ("hinf/npck", "00000009", "packets=9"),
    ("hinf/maxr", "000003e8 00001000", "period=1000 bytes=4096"),
    ("hinf/tmin", "ffffffff", "time=-1"),
    ("hinf/tmax", "00000001", "time=1"),
    ("hinf/pmax", "000005dc", "bytes=1500"),
    ("hinf/dmax", "0000000a", "time=10"),
    (
        "hinf/payt",
        "00000060 04 'H264'",
        "payload_id=96 rtpmap=\"H264\"",
    ),
    ("hnti/sdp ", "'m=video'", "sdp=\"m=video\""),
    (
        "hnti/rtp ",
        "'sdp ' 'v=0'",
        "description_format='sdp ' sdp=\"v=0\"",
    ),
    // User data.
    (
        "cprt",
        "00000000 55c4 'me' 00",
        "language=\"und\" text=\"me\"",
    ),
    (
        "titl",
        "00000000 15c7 'a' 00",
        "language=\"eng\" text=\"a\"",
    ),
    (
        "dscp",
        "00000000 15c7 'b' 00",
        "language=\"eng\" text=\"b\"",
    ),
    (
        "perf",
        "00000000 15c7 'c' 00",
        "language=\"eng\" text=\"c\"",
    ),
    (
        "auth",
        "00000000 15c7 'd' 00",
        "language=\"eng\" text=\"d\"",
    ),
    (
        "gnre",
        "00000000 15c7 'e' 00",
        "language=\"eng\" text=\"e\"",
    ),
    (
        "rtng",
        "00000000 'FSK ' '0000' 1215 '12' 00",
        "rating_entity='FSK ' rating_criteria='0000' language=\"dpu\" rating_info=\"12\"",
    ),
    (
        "clsf",
        "00000000 'ent ' 0001 15c7 'x' 00",
        "classification_entity='ent ' classification_table=1 language=\"eng\" classification_info=\"x\"",
    ),
    (
        "kywd",
        "00000000 15c7 02 02 'a' 00 02 'b' 00",
        "language=\"eng\" keyword_count=2 keywords=[\"a\", \"b\"]",
    ),
    (
        "loci",
        "00000000 15c7 'home' 00 00 00088000 ffd00000 00640000 'earth' 00 00",
        "language=\"eng\" name=\"home\" role=0 longitude=8.5 latitude=-48 altitude=100 astronomical_body=\"earth\" \
         additional_notes=\"\"",
    ),
    (
        "albm",
        "00000000 15c7 'best' 00 03",
        "language=\"eng\" album_title=\"best\" track_number=3",
    ),
    ("yrrc", "00000000 07ea", "recording_year=2026"),
    (
        "ID32",
        "00000000 15c7 'ID3' 0400",
        "language=\"eng\" id3v2=4944330400",
    ),
    (
        "chpl",
        "01000000 00000000 01 0000000000989680 03 'One'",
        "version=1 chapter_count=1 chapters=[{start_100ns=10000000 title=\"One\"}]",
    ),
    (
        "Xtra",
        "0000001a 00000004 'WM/X' 00000001 0000000a 0008 'a' 00 00 00",
        "entries=[{entry_size=26 name=\"WM/X\" value_count=1 values=[{value_size=10 value_type=8 value=61000000}]}]",
    ),
    (
        "date",
        "'2021-10-02T17:42:05Z'",
        "date=\"2021-10-02T17:42:05Z\"",
    ),
    ("XMP_", "'<x:xmpmeta/>'", "xmp=\"<x:xmpmeta/>\""),
    ("vttC", "'WEBVTT'", "config=\"WEBVTT\""),
    ("vlab", "'a'", "source_label=\"a\""),
    ("txtC", "00000000 'cfg' 00", "text_config=\"cfg\""),
    // Makers of cameras.
    (
        "FIRM",
        "'HD5.02.01.57.00' 00",
        "firmware_version=\"HD5.02.01.57.00\"",
    ),
    ("LENS", "'LPS6'", "lens_serial=\"LPS6\""),
    ("CAME", "0102", "camera_serial_hash=0102"),
    ("SETT", "0304", "settings=0304"),
    ("MUID", "0506", "media_id=0506"),
    ("GUMI", "0708", "media_id=0708"),
    ("BCID", "090a", "broadcast_id=090a"),
    (
        "HMMT",
        "00000002 000003e8 000007d0 00000000",
        "highlight_count=2 highlight_ms=[1000, 2000]",
    ),
    (
        "GPMF",
        "'DEVC' 00 01 0014 'DVNM' 'c' 01 0005 'Hero5' 000000",
        "items=[{key='DEVC' type=\"\\0\" size=1 repeat=20}, {key='DVNM' type=\"c\" size=1 repeat=5 value=\"Hero5\"}]",
    ),
    ("SDLN", "'SEQ_PLAY'", "play_mode=\"SEQ_PLAY\""),
    ("smrd", "'TRUEBLUE'", "text=\"TRUEBLUE\""),
    (
        "smta",
        "00000000 0000000a 'mdln' 'S2'",
        "boxes=[{size=10 type='mdln' data=5332}]",
    ),
    (
        "gps ",
        "00000101 00000001 00008000 00004000",
        "version=257 entry_count=1 entries=[{offset=32768 size=16384}]",
    ),
    // Boxes with an extended type.
    (
        "uuid 4d9fc1bbe97d48c4b0dd84ad814a97ff",
        "01 00 00000003 00015f90 0000000000000000 000000003b9aca00 \
        000102030405060708090a0b0c0d0e0f \
        0000000000000000000000000000000000000000000000000000000000000000 \
        1111111111111111111111111111111111111111111111111111111111111111 0004 'yard' 0004 'tapo'",
        "version=1 segment=3 timescale=90000 start=0 started_ns=1000000000 session=000102030405060708090a0b0c0d0e0f \
         previous_chain=0000000000000000000000000000000000000000000000000000000000000000 \
         sdp_sha256=1111111111111111111111111111111111111111111111111111111111111111 camera=\"yard\" recorder=\"tapo\"",
    ),
    (
        "uuid b2887384eb60412faa0f3527657da236",
        "01 01 00000001 0000000000000002 000000003b9aca00 000000003b9aca01 00000bb8 00000004 \
        2222222222222222222222222222222222222222222222222222222222222222 \
        3333333333333333333333333333333333333333333333333333333333333333",
        "version=1 flags=1 track_id=1 sequence=2 wall_ns=1000000000 received_ns=1000000001 rtp_time=3000 lost_packets=4 \
         sha256=2222222222222222222222222222222222222222222222222222222222222222 \
         chain=3333333333333333333333333333333333333333333333333333333333333333",
    ),
    (
        "uuid 3b1d0eb295dd48a29ea874f95c67d6c6",
        "00000001 00008000 00000442 deadbeef",
        "version=1 reserve=32768 moov_length=1090 moov_crc32=3735928559",
    ),
    (
        "uuid 937f82c42b1744a8a421cc10b4af6b86",
        "00000001 0000000000010000 0000000000000020 0000000000000000 08 00 0000 'free' \
        00007fe066726565 0000000000000000 00000000000000000000000000000000 00000001 00000002",
        "version=1 end=65536 first_at=32 close_at=0 first_length=8 close_length=0 endless=0 close_type='free' \
         first_original=00007fe0667265650000000000000000 close_original=00000000000000000000000000000000 moov_crc32=1 crc32=2",
    ),
    (
        "uuid be7acfcb97a942e89c71999491e3afac",
        "'<x/>'",
        "xmp=\"<x/>\"",
    ),
    (
        "uuid ffcc8263f8554a938814587a02521fdd",
        "'<y/>'",
        "xml=\"<y/>\"",
    ),
    (
        "uuid d8fec3d61b0e483c92975828877ec481",
        "00000000 'manifest' 00 0000000000000000 cafe",
        "box_purpose=\"manifest\" data=0000000000000000cafe",
    ),
    (
        "uuid 6d1d9b0542d544e680e2141daff757b2",
        "01000000 0000000000989680 0000000001312d00",
        "version=1 fragment_absolute_time=10000000 fragment_duration=20000000",
    ),
    (
        "uuid d4807ef2ca3946958e5426cb9e46a79f",
        "00000000 01 00000001 00000002",
        "fragment_count=1 fragments=[{fragment_absolute_time=1 fragment_duration=2}]",
    ),
    (
        "uuid a2394f525a9b4f14a2446c427c648df4",
        "00000001 000001 08 000102030405060708090a0b0c0d0e0f 00000001 aa",
        "flags=1 algorithm_id=1 iv_size=8 kid=000102030405060708090a0b0c0d0e0f sample_count=1 samples=aa",
    ),
    (
        "uuid 8974dbce7be74c5184f97148f9882554",
        "00000000 000001 08 000102030405060708090a0b0c0d0e0f",
        "default_algorithm_id=1 default_iv_size=8 default_kid=000102030405060708090a0b0c0d0e0f",
    ),
    (
        "uuid d08a4f1810f34a82b6c832d8aba183d3",
        "00000000 9a04f07998404286ab92e65be0885f95 00000001 aa",
        "system_id=9a04f07998404286ab92e65be0885f95 data=aa",
    ),
];
