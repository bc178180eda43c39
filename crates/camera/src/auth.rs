//! Who may watch: Basic and Digest (RFC 2617, 2 and 3; MD5 as cameras do).

use crate::rng;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest as _, Md5};

const REALM: &str = "tapo camera";

/// What a client must prove. The `Debug` output keeps the password to itself.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Authentication {
    /// Nothing.
    #[default]
    None,
    /// User name and password in clear (RFC 2617, 2).
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
    /// An MD5 response to a nonce (RFC 2617, 3).
    Digest {
        /// User name.
        user: String,
        /// Password.
        password: String,
        /// Whether to offer `qop=auth`; without it clients answer as in RFC 2069.
        qop: bool,
    },
}

impl std::fmt::Debug for Authentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic",
            Self::Digest { .. } => "Digest",
        })
    }
}

/// Checks the requests of one connection, which has a nonce of its own.
pub(crate) struct Guard {
    nonce: String,
}

impl Guard {
    pub(crate) fn new() -> Self {
        Self {
            nonce: format!("{:016x}{:016x}", rng::secret(), rng::secret()),
        }
    }

    /// The value of a `WWW-Authenticate` header.
    pub(crate) fn challenge(&self, how: &Authentication) -> String {
        match how {
            Authentication::Basic { .. } => format!("Basic realm=\"{REALM}\""),
            Authentication::Digest { qop: true, .. } => format!(
                "Digest realm=\"{REALM}\", nonce=\"{}\", algorithm=MD5, qop=\"auth\"",
                self.nonce
            ),
            Authentication::None | Authentication::Digest { .. } => {
                format!("Digest realm=\"{REALM}\", nonce=\"{}\"", self.nonce)
            }
        }
    }

    /// Whether the `Authorization` header lets this request pass. The `uri` of
    /// a digest is taken as the client has it: real clients write it in many
    /// ways.
    pub(crate) fn admits(&self, how: &Authentication, method: &str, header: Option<&str>) -> bool {
        match how {
            Authentication::None => true,
            Authentication::Basic { user, password } => {
                header.is_some_and(|header| basic(header, user, password))
            }
            Authentication::Digest {
                user,
                password,
                qop,
            } => header.is_some_and(|header| {
                digest(header, method, user, password, REALM, &self.nonce, *qop)
            }),
        }
    }
}

fn scheme<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let (scheme, rest) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case(name).then_some(rest)
}

fn basic(header: &str, user: &str, password: &str) -> bool {
    let given = scheme(header, "Basic").and_then(|b| BASE64_STANDARD.decode(b.trim()).ok());
    given.is_some_and(|given| same(&given, format!("{user}:{password}").as_bytes()))
}

fn digest(
    header: &str,
    method: &str,
    user: &str,
    password: &str,
    realm: &str,
    nonce: &str,
    offered_qop: bool,
) -> bool {
    let Some(params) = scheme(header, "Digest").map(parameters) else {
        return false;
    };
    let get = |name: &str| {
        let same = |(n, _): &&(&str, String)| n.eq_ignore_ascii_case(name);
        params.iter().find(same).map_or("", |(_, v)| v.as_str())
    };
    if get("username") != user || get("realm") != realm || get("nonce") != nonce {
        return false;
    }
    let ha1 = hex_md5(&[user, realm, password]);
    let ha2 = hex_md5(&[method, get("uri")]);
    let expected = match get("qop") {
        "" => hex_md5(&[&ha1, nonce, &ha2]),
        "auth" if offered_qop => hex_md5(&[&ha1, nonce, get("nc"), get("cnonce"), "auth", &ha2]),
        _ => return false,
    };
    same(
        get("response").to_ascii_lowercase().as_bytes(),
        expected.as_bytes(),
    )
}

/// `name=value` and `name="value"`, separated by commas. What is neither ends
/// the list.
fn parameters(mut text: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    while let Some((name, rest)) = text.split_once('=') {
        let name = name.trim_matches([' ', '\t', ',']);
        let value;
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut unescaped = String::new();
            let mut chars = quoted.char_indices();
            let mut end = None;
            while let Some((at, c)) = chars.next() {
                match c {
                    '"' => {
                        end = Some(at + 1);
                        break;
                    }
                    '\\' => unescaped.extend(chars.next().map(|(_, c)| c)),
                    c => unescaped.push(c),
                }
            }
            let Some(after) = end.and_then(|end| quoted.get(end..)) else {
                break;
            };
            value = unescaped;
            text = after;
        } else {
            let (plain, after) = rest.split_once(',').unwrap_or((rest, ""));
            value = plain.trim().to_owned();
            text = after;
        }
        found.push((name, value));
    }
    found
}

/// MD5 over the parts with colons between them, in lower-case hexadecimal.
fn hex_md5(parts: &[&str]) -> String {
    let digest = Md5::digest(parts.join(":"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Equality in a time that depends on the lengths alone.
fn same(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b).fold(0, |sum, (x, y)| sum | (x ^ y));
    a.len() == b.len() && std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NONCE: &str = "dcd98b7102dd2f0e8b11d0f600bfb0c093";

    /// The example of RFC 2617, 3.5.
    #[test]
    fn the_digest_of_the_rfc() {
        let header = concat!(
            "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", ",
            "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", ",
            "qop=auth, nc=00000001, cnonce=\"0a4f113b\", ",
            "response=\"6629fae49393a05397450978507c4ef1\", ",
            "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""
        );
        let check = |method, password, qop| {
            let realm = "testrealm@host.com";
            digest(header, method, "Mufasa", password, realm, NONCE, qop)
        };
        assert!(check("GET", "Circle Of Life", true));
        assert!(!check("GET", "Circle of Life", true));
        assert!(!check("PUT", "Circle Of Life", true));
        assert!(!check("GET", "Circle Of Life", false));
    }

    /// Without qop, as in RFC 2069 (erratum 749 has the right value).
    #[test]
    fn the_digest_without_qop() {
        let header = concat!(
            "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", ",
            "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", ",
            "response=\"1949323746fe6a43ef61f9606e7febea\", ",
            "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""
        );
        let realm = "testrealm@host.com";
        for qop in [false, true] {
            assert!(digest(
                header,
                "GET",
                "Mufasa",
                "CircleOfLife",
                realm,
                NONCE,
                qop
            ));
        }
    }

    /// The example of RFC 2617, 2.
    #[test]
    fn the_basic_of_the_rfc() {
        let header = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        assert!(basic(header, "Aladdin", "open sesame"));
        assert!(!basic(header, "Aladdin", "open sesam"));
        assert!(!basic("Basic ???", "Aladdin", "open sesame"));
    }

    #[test]
    fn a_nonce_of_another_connection_is_worth_nothing() {
        let how = Authentication::Digest {
            user: "a".into(),
            password: "b".into(),
            qop: false,
        };
        let guards = [Guard::new(), Guard::new()];
        let nonce = &guards[0].nonce;
        let response = hex_md5(&[
            &hex_md5(&["a", REALM, "b"]),
            nonce,
            &hex_md5(&["PLAY", "u"]),
        ]);
        let header = format!(
            "Digest username=\"a\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"u\", response=\"{response}\""
        );
        assert!(guards[0].admits(&how, "PLAY", Some(&header)));
        assert!(!guards[1].admits(&how, "PLAY", Some(&header)));
        assert!(!guards[0].admits(&how, "PLAY", None));
        assert!(!format!("{how:?}").contains('b'));
    }

    proptest! {
        #[test]
        fn headers_never_panic(header in "(Digest|Basic) [ -~é]{0,80}") {
            Guard::new().admits(&Authentication::Digest { user: "u".into(), password: "p".into(), qop: true }, "PLAY", Some(&header));
            let _ = basic(&header, "u", "p");
        }
    }
}
