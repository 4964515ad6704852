//! `GET /api/v1/record`: a recording that comes as it is made, until the reader or the daemon goes away.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Extension;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;

use super::answers::{denied, refusal};
use super::{Pieces, Shared, Views};
use crate::door::{Listener, Role, Visitor};

/// It holds all that the daemon knows, so it is for those who may change what runs.
pub(super) async fn record<V: Views>(
    state: Shared<V>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response {
    if headers.contains_key(header::ORIGIN) {
        let text = "a recording is not for browsers: use `evenkeel record -o FILE`";
        return refusal(StatusCode::FORBIDDEN, text.to_owned());
    }
    if let Err(refused) = state.entrance.admit_as(Role::Operator, Listener::Http, &visitor, &headers) {
        return denied(refused);
    }
    let pieces = match state.views.record() {
        Ok(pieces) => pieces,
        Err(why) => return refusal(StatusCode::CONFLICT, why.to_owned()),
    };
    let busy = visitor.busy();
    let body = Body::new(Stream { pieces, _busy: busy });
    ([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response()
}

struct Stream {
    pieces: Pieces,
    /// The connection is not cut for being quiet.
    _busy: crate::door::Busy,
}

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.pieces.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
