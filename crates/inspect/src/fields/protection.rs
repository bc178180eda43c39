//! Encryption: ISO/IEC 23001-7, 14496-12 §8.12, ISMACryp, OMA DRM.

use super::rule::Cond::{All, Flag, From, Is, Version};
use super::rule::Count::By;
use super::rule::Len::{self, Null, Prefixed, Rest};
use super::rule::Rule::{Bytes, Code, If, List, Skip, Text, Uint, Uuid};
use super::rule::{Layout, full, plain};

pub(super) const LAYOUTS: &[Layout] = &[
    // 14496-12 8.12.3; QTFF "siDecompressionParam Atom"
    plain(&[b"frma"], &[Code("data_format")]),
    // 14496-12 8.12.6
    full(
        &[b"schm"],
        &[
            Code("scheme_type"),
            Uint("scheme_version", 32),
            If(Flag(1), &[Text("scheme_uri", Null)]),
        ],
    ),
    // 23001-7 8.1
    full(
        &[b"pssh"],
        &[
            Uuid("system_id"),
            If(
                From(1),
                &[
                    Uint("kid_count", 32),
                    List("kid", By("kid_count"), &[Uuid("")]),
                ],
            ),
            Bytes("data", Prefixed(32)),
        ],
    ),
    // 23001-7 8.2
    full(
        &[b"tenc"],
        &[
            Skip(8),
            If(Version(0), &[Skip(8)]),
            If(
                From(1),
                &[
                    Uint("default_crypt_byte_block", 4),
                    Uint("default_skip_byte_block", 4),
                ],
            ),
            Uint("default_is_protected", 8),
            Uint("default_per_sample_iv_size", 8),
            Uuid("default_kid"),
            If(
                All(&[
                    Is("default_is_protected", 1),
                    Is("default_per_sample_iv_size", 0),
                ]),
                &[Bytes("default_constant_iv", Prefixed(8))],
            ),
        ],
    ),
    // 23001-7 7.2: how long the initialization vectors are, tenc says
    full(
        &[b"senc"],
        &[Uint("sample_count", 32), Bytes("samples", Rest)],
    ),
    // ISMACryp 2.0
    full(&[b"iKMS"], &[Text("kms_uri", Null)]),
    full(
        &[b"iSFM"],
        &[
            Uint("selective_encryption", 1),
            Skip(7),
            Uint("key_indicator_length", 8),
            Uint("iv_length", 8),
        ],
    ),
    plain(&[b"iSLT"], &[Uint("salt", 64)]),
    // OMA DRM content format 2.1
    full(
        &[b"ohdr"],
        &[
            Uint("encryption_method", 8),
            Uint("padding_scheme", 8),
            Uint("plaintext_length", 64),
            Uint("content_id_length", 16),
            Uint("rights_issuer_url_length", 16),
            Uint("textual_headers_length", 16),
            Text("content_id", Len::By("content_id_length")),
            Text("rights_issuer_url", Len::By("rights_issuer_url_length")),
            Text("textual_headers", Len::By("textual_headers_length")),
        ],
    ),
    full(
        &[b"odaf"],
        &[
            Uint("selective_encryption", 1),
            Skip(7),
            Uint("key_indicator_length", 8),
            Uint("iv_length", 8),
        ],
    ),
];
