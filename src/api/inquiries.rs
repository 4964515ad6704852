//! Questions that take a while to answer: few at a time, so that whoever asks many delays neither the ledger nor each other.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answers::refusal;

/// Explanations and what-ifs that are worked out at a time.
const INQUIRIES_MAX: usize = 2;
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

#[derive(Debug)]
pub(super) struct Inquiries(Arc<Semaphore>);

impl Default for Inquiries {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(INQUIRIES_MAX)))
    }
}

impl Inquiries {
    /// For as long as the permit is held. Nobody waits: the error is the answer.
    pub(super) fn admit(&self) -> Result<OwnedSemaphorePermit, Box<Response>> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_full| {
            let text = format!(
                "{INQUIRIES_MAX} explanations or what-ifs are being worked out, and no more at a time; try again"
            );
            let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, text);
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
            Box::new(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_are_worked_out_at_a_time_and_others_are_told_to_come_again() {
        let inquiries = Inquiries::default();
        let (first, second) = (inquiries.admit().unwrap(), inquiries.admit().unwrap());
        let refused = inquiries.admit().unwrap_err();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
        drop(first);
        let third = inquiries.admit().unwrap();
        assert!(inquiries.admit().is_err());
        drop((second, third));
        assert!(inquiries.admit().is_ok());
    }
}
