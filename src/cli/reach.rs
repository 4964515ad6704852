//! Where a daemon is, and why none is reached.

use std::error::Error;

use reqwest::Url;

/// Where the page's port is unless it is said.
pub(super) const URL: &str = "http://127.0.0.1:4319";

/// For the flag `--url`: the error is a mistake in how the program is called.
pub(super) fn url(text: &str) -> Result<String, String> {
    // A variable that is there and empty says nothing.
    if text.is_empty() {
        return Ok(URL.to_owned());
    }
    let parsed =
        Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match parsed {
        Some(_) => Ok(text.to_owned()),
        None => Err("write http://HOST:PORT or https://HOST:PORT".to_owned()),
    }
}

/// Why nothing came back, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub why: String,
    pub hint: &'static str,
    /// There is a program, and it may be the daemon.
    pub answers: bool,
}

pub(super) fn trouble(url: &str, error: &dyn Error) -> Trouble {
    let (mut cause, mut chain) = (error, error.to_string());
    while let Some(deeper) = cause.source() {
        cause = deeper;
        chain.push_str(&format!("; {cause}"));
    }
    let of = |why: &str, hint, answers| Trouble { why: why.to_owned(), hint, answers };
    let is_tls = url.to_ascii_lowercase().starts_with("https://");
    let says = |words: &[&str]| words.iter().any(|word| chain.contains(word));
    if is_tls && says(&["UnknownIssuer", "unknown issuer"]) {
        let hint = "name the authority that signed it with --ca-file; of a certificate that signed itself, it is that file";
        return of("its certificate is not of an authority that is trusted here", hint, true);
    }
    if is_tls && says(&["CaUsedAsEndEntity"]) {
        let hint = "give the daemon one with basicConstraints CA:FALSE";
        return of("its certificate is that of an authority, which is none for a server", hint, true);
    }
    if is_tls && says(&["invalid peer certificate"]) {
        let why = format!("its certificate does not hold: {cause}");
        return Trouble { why, hint: "look at its names and at its time", answers: true };
    }
    if is_tls && says(&["CertificateRequired", "certificate required"]) {
        let hint = "show one with --cert-file and --key-file";
        return of("it asks for a client certificate", hint, true);
    }
    if is_tls && says(&["InvalidContentType", "corrupt message", "wrong version number"]) {
        return of("what answers there speaks no TLS", "write http:// in --url", true);
    }
    if !is_tls
        && says(&[
            "invalid HTTP version",
            "connection closed before message completed",
            "message is incomplete",
        ])
    {
        let hint = "write https:// in --url if it has TLS";
        return of("what answers there does not speak HTTP, or has TLS", hint, true);
    }
    let hint = "start one with `evenkeel run`, or name it with --url";
    Trouble { why: cause.to_string(), hint, answers: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        for good in ["http://127.0.0.1:4319", "https://evenkeel.example/", "HTTP://[::1]:1"] {
            assert!(url(good).is_ok(), "{good}");
        }
        for bad in ["nonsense", "127.0.0.1:4319", "ftp://h", "http://"] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert_eq!(url("").as_deref(), Ok(URL), "an empty variable says nothing");
    }
}
