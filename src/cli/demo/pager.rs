//! The other end of the page: a webhook receiver of our own on a free port.

use std::time::Instant;

use anyhow::Context;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Pages that may wait to be told of.
const PAGES_MAX: usize = 64;

pub(super) struct Pager {
    pub(super) url: String,
    pub(super) pages: mpsc::Receiver<(Instant, Value)>,
}

pub(super) async fn start() -> anyhow::Result<Pager> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("listen for pages")?;
    let url = format!("http://{}/page", listener.local_addr()?);
    let (sender, pages) = mpsc::channel(PAGES_MAX);
    let app = Router::new().route("/page", post(receive)).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(Pager { url, pages })
}

async fn receive(State(pages): State<mpsc::Sender<(Instant, Value)>>, Json(page): Json<Value>) {
    let _nobody_listens = pages.send((Instant::now(), page)).await;
}
