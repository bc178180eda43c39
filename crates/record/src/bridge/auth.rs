//! What is answered to a camera that wants a password (RFC 2326 §14, by HTTP's
//! schemes Basic and Digest).

use super::message::{Message, Start};
use crate::url::Credentials;
use http_auth::{PasswordClient, PasswordParams};

/// A user's answers to the challenges of one camera.
pub(crate) struct Auth {
    credentials: Option<Credentials>,
    challenge: Option<PasswordClient>,
    /// Whether a password may be sent as it is. Not to a host that another one
    /// named.
    pub(crate) plain: bool,
}

impl Auth {
    pub(crate) const fn new(credentials: Option<Credentials>) -> Self {
        Self {
            credentials,
            challenge: None,
            plain: true,
        }
    }

    /// Takes the challenge of a 401; whether it can be answered.
    pub(crate) fn challenged(&mut self, response: &Message) -> bool {
        let mut builder = PasswordClient::builder();
        for challenge in response.all("WWW-Authenticate") {
            builder = builder.challenges(challenge);
        }
        let challenge = builder.build().ok();
        self.challenge = challenge.filter(|c| self.plain || matches!(c, PasswordClient::Digest(_)));
        self.challenge.is_some() && self.credentials.is_some()
    }

    /// Forgets the challenge: another server comes.
    pub(crate) fn forget(&mut self) {
        self.challenge = None;
    }

    /// Adds the answer to a request, if there was a challenge.
    pub(crate) fn sign(&mut self, request: &mut Message) {
        let (Some(credentials), Some(challenge)) = (&self.credentials, &mut self.challenge) else {
            return;
        };
        let Start::Request { method, uri } = &request.start else {
            return;
        };
        let params = PasswordParams {
            username: &credentials.username,
            password: &credentials.password,
            uri,
            method,
            body: Some(&[]),
        };
        if let Ok(answer) = challenge.respond(&params) {
            request.headers.retain(|(name, _)| name != "Authorization");
            request.headers.push(("Authorization".to_owned(), answer));
        }
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}
