//! The three ports, taken before anything else is begun.

use std::{error, fmt, io};

use super::Addresses;
use crate::config::Listen;
use crate::door::{self, Bound};

pub(super) struct Doors {
    pub(super) otlp_grpc: Bound,
    pub(super) otlp_http: Bound,
    pub(super) http: Bound,
}

/// A port that could not be taken.
#[derive(Debug)]
pub struct NoPort {
    what: &'static str,
    addr: String,
    cause: io::Error,
}

impl NoPort {
    pub fn is_forbidden(&self) -> bool {
        self.cause.kind() == io::ErrorKind::PermissionDenied
    }
}

impl fmt::Display for NoPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, addr, .. } = self;
        let advice = match self.cause.kind() {
            io::ErrorKind::AddrInUse => {
                format!("is another program there? Set listen.{what} to another address")
            }
            io::ErrorKind::PermissionDenied => {
                format!("set listen.{what} to a port that is allowed, above 1023")
            }
            _ => format!("set listen.{what} to an address of this machine"),
        };
        write!(f, "listen on {addr} for {what}: {advice}")
    }
}

impl error::Error for NoPort {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.cause)
    }
}

impl Doors {
    pub(super) async fn bind(listen: &Listen) -> Result<Self, NoPort> {
        let open = |what: &'static str, addr: String| async move {
            door::bind(&addr).await.map_err(|cause| NoPort { what, addr, cause })
        };
        Ok(Self {
            otlp_grpc: open("otlp_grpc", listen.otlp_grpc.clone()).await?,
            otlp_http: open("otlp_http", listen.otlp_http.clone()).await?,
            http: open("http", listen.http.clone()).await?,
        })
    }

    pub(super) fn addresses(&self) -> Addresses {
        let (otlp_grpc, otlp_http) = (self.otlp_grpc.addr(), self.otlp_http.addr());
        Addresses { otlp_grpc, otlp_http, http: self.http.addr() }
    }
}
