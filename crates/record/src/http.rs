//! Requests over HTTP: with an end, to the address that was named and no other.

use rustls::pki_types::CertificateDer;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// Does one request within this time. Redirects and proxies are not followed;
/// `https://` is for servers that an authority known to this system vouches for.
pub(crate) fn agent(timeout: Duration, secure: bool) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(timeout.max(Duration::from_millis(1))))
        .max_redirects(0)
        .proxy(None)
        .http_status_as_error(false)
        .user_agent(concat!("tapo/", env!("CARGO_PKG_VERSION")));
    let config = if secure {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::Specific(Arc::new(
                authorities()
                    .iter()
                    .map(|known| Certificate::from_der(known).to_owned())
                    .collect(),
            )))
            .unversioned_rustls_crypto_provider(Arc::new(rustls_rustcrypto::provider()));
        config.tls_config(tls.build())
    } else {
        config
    };
    config.build().into()
}

/// The certificates of the authorities that this system knows, read once.
pub(crate) fn authorities() -> &'static [CertificateDer<'static>] {
    static KNOWN: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();
    KNOWN.get_or_init(|| rustls_native_certs::load_native_certs().certs)
}

/// Why a request failed, in words that repeat no address.
pub(crate) fn why(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::StatusCode(status) => format!("the answer is {status}"),
        ureq::Error::Rustls(error) => format!("TLS: {error}"),
        ureq::Error::Io(error) => match error.get_ref().and_then(|e| e.downcast_ref()) {
            Some(error @ rustls::Error::InvalidCertificate(_)) => format!("TLS: {error}"),
            _ => error.kind().to_string(),
        },
        ureq::Error::HostNotFound => "the host is not known".to_owned(),
        ureq::Error::ConnectionFailed => "no connection".to_owned(),
        ureq::Error::BodyExceedsLimit(_) => "the answer is too long".to_owned(),
        _ => "the answer is no HTTP".to_owned(),
    }
}
