//! Asking a recorder how it stands.

use super::Status;
use crate::{Error, Result};
use std::net::SocketAddr;
use std::time::Duration;

/// Where it is asked if nothing else is said.
pub const ADDRESS: &str = "127.0.0.1:9554";

/// The longest answer that is read, bytes.
const LIMIT: u64 = 16 << 20;
/// How long the recorder may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the recorder whose status is served there.
///
/// # Errors
/// [`Error::NoStatus`] if nobody answers, or somebody else does.
pub fn ask(address: SocketAddr) -> Result<Status> {
    let agent = crate::http::agent(PATIENCE, false);
    let other = |why: String| Error::NoStatus { address, why };
    let answer = agent.get(format!("http://{address}/status.json")).call();
    let mut answer = answer.map_err(|e| other(crate::http::why(&e)))?;
    let body = answer.body_mut().with_config().limit(LIMIT).read_to_vec();
    let body = body.map_err(|e| other(crate::http::why(&e)))?;
    let status: Status = serde_json::from_slice(&body)
        .map_err(|_| other("what answers is no recorder of ours".to_owned()))?;
    if !status.schema.starts_with("tapo.status/") {
        return Err(other("what answers is no recorder of ours".to_owned()));
    }
    Ok(status)
}
