//! TLS (`rtsps://`), and whose certificates count.
//!
//! Nearly all cameras sign their own certificates. Such a one is accepted by
//! its SHA-256, never silently.

use crate::hex::hex;
use crate::http;
use crate::source::SourceError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

/// Whose word is enough that a server is the camera.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Trust {
    /// Authorities that this system knows; the name in the address counts.
    #[default]
    Authorities,
    /// Whoever has the key of the certificate with this SHA-256.
    Fingerprint([u8; 32]),
    /// Anyone. Whoever sits in between can see the pictures and replace them.
    Anyone,
}

impl Trust {
    /// Reads the SHA-256 of a certificate: 64 hexadecimal digits, colons allowed.
    ///
    /// # Errors
    /// [`crate::Error::Usage`] if it is none.
    pub fn fingerprint(text: &str) -> crate::Result<Self> {
        let digits = text.chars().filter(|c| *c != ':' && !c.is_whitespace());
        let digits: Option<Vec<u32>> = digits.map(|c| c.to_digit(16)).collect();
        let bytes = digits.filter(|d| d.len() == 64).and_then(|digits| {
            let pair = |p: &[u32]| {
                p.iter()
                    .try_fold(0, |n: u32, d| u8::try_from(n << 4 | d).ok().map(u32::from))
            };
            let bytes = digits.chunks_exact(2).map(|p| u8::try_from(pair(p)?).ok());
            let bytes: Option<Vec<u8>> = bytes.collect();
            <[u8; 32]>::try_from(bytes?).ok()
        });
        let wrong = || {
            let why = "a fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits";
            crate::Error::Usage(why.to_owned())
        };
        bytes.map(Self::Fingerprint).ok_or_else(wrong)
    }
}

/// Speaks TLS with the camera, or says why not.
pub(crate) async fn handshake(
    stream: TcpStream,
    host: &Host<String>,
    trust: &Trust,
) -> Result<TlsStream<TcpStream>, SourceError> {
    let failed = |what: &dyn std::fmt::Display| SourceError::Connection(format!("TLS: {what}"));
    let provider = Arc::new(rustls_rustcrypto::provider());
    let name = match host {
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|e| failed(&e))?,
        Host::Ipv4(ip) => ServerName::IpAddress(std::net::IpAddr::from(*ip).into()),
        Host::Ipv6(ip) => ServerName::IpAddress(std::net::IpAddr::from(*ip).into()),
    };
    let verifier = Arc::new(Verifier::new(trust.clone(), Arc::clone(&provider)));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(&e))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Verifier>::clone(&verifier))
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.map_err(|error| {
        let refused = verifier.refused.lock();
        match *refused.unwrap_or_else(PoisonError::into_inner) {
            Some(seen) => SourceError::Untrusted(hex(&seen)),
            None => failed(&error),
        }
    })
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    /// The SHA-256 of the certificate that was not accepted.
    refused: Mutex<Option<[u8; 32]>>,
}

impl Verifier {
    fn new(trust: Trust, provider: Arc<CryptoProvider>) -> Self {
        let authorities = if trust == Trust::Authorities {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(http::authorities().iter().cloned());
            // Without any, none is known.
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .ok()
        } else {
            None
        };
        Self {
            trust,
            provider,
            authorities,
            refused: Mutex::new(None),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let seen: [u8; 32] = Sha256::digest(end_entity).into();
        let verdict = match (&self.trust, &self.authorities) {
            (Trust::Anyone, _) => Ok(ServerCertVerified::assertion()),
            (Trust::Fingerprint(known), _) if *known == seen => Ok(ServerCertVerified::assertion()),
            (Trust::Authorities, Some(known)) => {
                known.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            _ => Err(CertificateError::UnknownIssuer.into()),
        };
        if verdict.is_err() {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_tools_print_them() {
        let colons = vec!["aB"; 32].join(":");
        assert_eq!(
            Trust::fingerprint(&colons).unwrap(),
            Trust::Fingerprint([0xab; 32])
        );
        for wrong in ["", "ab", &"a".repeat(63), &"g".repeat(64), &"a".repeat(65)] {
            assert!(Trust::fingerprint(wrong).is_err(), "{wrong}");
        }
    }
}
