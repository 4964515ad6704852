//! A sign of life to a watcher outside, which tells people when it stays away.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::secret::Secret;

/// For the whole exchange; the watcher's own patience is longer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    pub url: Secret,
    pub every: Duration,
}

/// Signs of life so far, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BeatCounts {
    pub taken: u64,
    pub failed: u64,
    /// Not sent, because the daemon was not well.
    pub withheld: u64,
}

/// A handle on a heart that beats while `beat` runs. Another configuration takes effect with the next beat.
#[derive(Clone, Debug)]
pub struct Heart {
    wanted: watch::Sender<Option<Heartbeat>>,
    counts: Arc<[AtomicU64; 3]>,
    last_failure: Arc<RwLock<Option<String>>>,
}

impl Heart {
    pub fn new(wanted: Option<Heartbeat>) -> Self {
        Self { wanted: watch::Sender::new(wanted), counts: Arc::default(), last_failure: Arc::default() }
    }

    /// Whether that is another one than before.
    pub fn set(&self, wanted: Option<Heartbeat>) -> bool {
        self.wanted.send_if_modified(|before| {
            let differs = *before != wanted;
            *before = wanted;
            differs
        })
    }

    /// `None` where nobody waits for signs of life.
    pub fn counts(&self) -> Option<BeatCounts> {
        self.wanted.borrow().is_some().then(|| {
            let [taken, failed, withheld] = [0, 1, 2].map(|place| self.counts[place].load(Relaxed));
            BeatCounts { taken, failed, withheld }
        })
    }

    /// Beats until it is dropped. `well` says whether there is life to tell of; it has as long as an answer.
    pub async fn beat<W: Future<Output = bool> + Send>(
        self,
        client: reqwest::Client,
        well: impl Fn() -> W + Send,
    ) {
        let mut wanted = self.wanted.subscribe();
        loop {
            let Some(heartbeat) = wanted.borrow_and_update().clone() else {
                if wanted.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let next = Instant::now() + heartbeat.every;
            match tokio::time::timeout(ANSWER_MAX, well()).await {
                Ok(true) => self.note(once(&client, &heartbeat).await),
                Ok(false) | Err(_) => {
                    self.counts[2].fetch_add(1, Relaxed);
                    tracing::error!("heartbeat.withheld");
                }
            }
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                changed = wanted.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Logs changes, not beats.
    fn note(&self, failure: Option<String>) {
        self.counts[usize::from(failure.is_some())].fetch_add(1, Relaxed);
        let mut last = self.last_failure.write().unwrap_or_else(PoisonError::into_inner);
        match (&failure, &*last) {
            (Some(reason), None) => tracing::warn!(reason, "heartbeat.failed"),
            (None, Some(_)) => tracing::info!("heartbeat.recovered"),
            _ => {}
        }
        *last = failure;
    }
}

/// Why the watcher did not take it. Nothing of its answer, and nothing of its address: both may be secret.
async fn once(client: &reqwest::Client, heartbeat: &Heartbeat) -> Option<String> {
    let request = client.get(heartbeat.url.reveal()).timeout(ANSWER_MAX);
    match request.send().await {
        Ok(response) if response.status().is_success() => None,
        Ok(response) => Some(format!("answered {}", response.status())),
        Err(error) => Some(super::post::cause(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::super::tests::server::{Say, Server};
    use super::*;

    fn heartbeat(url: &str, every: u64) -> Option<Heartbeat> {
        Some(Heartbeat { url: Secret::new(url), every: Duration::from_millis(every) })
    }

    /// Scenario: a watcher that fails once; then the daemon is not well; then there is no watcher any more.
    /// Guarantees: it is asked again at each interval, hears nothing while the daemon is unwell, and then nothing.
    #[tokio::test]
    async fn a_heart_beats_while_the_daemon_is_well_and_somebody_listens() {
        let mut watcher = Server::start([Say::Status(503)]).await;
        let heart = Heart::new(heartbeat(&watcher.url, 5));
        let well = Arc::new(AtomicBool::new(true));
        let asked = well.clone();
        let client = super::super::client().unwrap();
        let beating = heart.clone().beat(client, move || std::future::ready(asked.load(Relaxed)));
        let beating = tokio::spawn(beating);
        for _ in 0..3 {
            assert!(watcher.next().await.head.starts_with("get / http/1.1"));
        }
        well.store(false, Relaxed);
        while heart.counts().unwrap().withheld < 3 {
            tokio::task::yield_now().await;
        }
        let counts = heart.counts().unwrap();
        assert!(counts.failed == 1 && counts.taken >= 2, "{counts:?}");
        assert!(heart.set(None) && !heart.set(None));
        assert_eq!(heart.counts(), None);
        well.store(true, Relaxed);
        assert!(heart.set(heartbeat(&watcher.url, 5)));
        while watcher.seen.try_recv().is_ok() {}
        watcher.next().await;
        beating.abort();
    }
}
