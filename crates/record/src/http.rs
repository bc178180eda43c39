//! Why a request over HTTP failed, in words that repeat no address.

/// In words.
pub(crate) fn why(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::StatusCode(status) => format!("the answer is {status}"),
        ureq::Error::Io(error) => error.kind().to_string(),
        ureq::Error::HostNotFound => "the host is not known".to_owned(),
        ureq::Error::ConnectionFailed => "no connection".to_owned(),
        ureq::Error::BodyExceedsLimit(_) => "the answer is too long".to_owned(),
        _ => "the answer is no HTTP".to_owned(),
    }
}
