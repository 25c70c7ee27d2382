//! Requests to a hub: redirects, refusals in words, and what is tried again.
//!
//! The client is ureq with rustls and ring: thirty small crates, blocking like the rest of the program, and it leaves
//! ranges, redirects and headers to its caller. hf-hub brings reqwest, tokio and a choice of its own about each of these;
//! it neither resumes what another process left nor compares hashes. Roots are Mozilla's, inside the program, so that a
//! device without any certificates can fetch; SSL_CERT_FILE names others, as of a company's proxy. Proxies are those of
//! HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.
//!
//! The non-obvious thing: redirects are followed here and not by ureq, since the first host's headers say what a file is
//! (its hash, length and commit), and no other host may see the token.

use super::settings::Settings;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Notes, time};
use serde::de::DeserializeOwned;
use std::cell::Cell;
use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};
use ureq::http::{HeaderMap, Response};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Error};

/// Most redirects of a request.
const HOPS: usize = 8;
/// Most times that a request is made without getting anything new.
const TRIES: u32 = 5;
/// The longest pause that a hub may ask for.
const PATIENCE: Duration = Duration::from_secs(300);
/// Longest answer that is read as JSON.
const LONGEST: u64 = 64 << 20;

/// Why a request did not do.
pub enum Fault {
    /// It will not do another time.
    Lasting(Failure),
    /// It may do another time, perhaps after a pause.
    Passing(Failure, Option<Duration>),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Lasting(failure)
    }
}

/// What a request is about, for errors.
pub struct Subject<'a> {
    /// `owner/name`.
    pub repo: &'a str,
    /// A revision of it.
    pub revision: &'a str,
    /// A file in it; none where the list of files is asked for.
    pub file: Option<&'a str>,
}

/// An answer, and what the hub itself said on the way there.
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The last host's headers.
    pub headers: HeaderMap,
    /// The hub's own headers, the last of them.
    pub own: HeaderMap,
    /// The content.
    pub body: Body,
}

/// A hub.
pub struct Client {
    agent: Agent,
    /// What it goes by.
    pub settings: Settings,
    /// Whether a signal came.
    pub interrupt: Interrupt,
    /// Where pauses are told.
    notes: Notes,
    /// Whether anything was answered yet: before, a host that is not there is a wrong address rather than bad luck.
    reached: Cell<bool>,
}

impl Client {
    pub fn new(settings: Settings, interrupt: Interrupt, quiet: bool) -> Result<Self, Failure> {
        let config = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .accept_encoding("identity")
            .user_agent(concat!("ocelli/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots()?).build())
            .timeout_resolve(Some(settings.silence))
            .timeout_connect(Some(settings.silence))
            .timeout_recv_response(Some(settings.silence))
            .timeout_per_read(Some(settings.silence))
            .timeout_per_write(Some(settings.silence))
            .build();
        Ok(Self { agent: config.into(), settings, interrupt, notes: Notes::new(quiet), reached: Cell::new(false) })
    }

    /// Does something until it is done, cannot be, or has been tried often enough. `attempt` says whether it got further.
    pub fn persist<T>(&self, mut attempt: impl FnMut(&mut bool) -> Result<T, Fault>) -> Result<T, Failure> {
        let mut tries = 0;
        loop {
            self.check()?;
            let mut further = false;
            let (failure, pause) = match attempt(&mut further) {
                Ok(done) => return Ok(done),
                Err(_) if self.interrupt.raised() => return Err(Failure::Interrupted),
                Err(Fault::Lasting(failure)) => return Err(failure),
                Err(Fault::Passing(failure, pause)) => (failure, pause),
            };
            tries = if further { 1 } else { tries + 1 };
            if tries >= TRIES || pause.is_some_and(|pause| pause > PATIENCE) {
                return Err(failure);
            }
            let pause = pause.unwrap_or_else(|| self.settings.backoff * (1 << (tries - 1)));
            if let Failure::Error { message, .. } = &failure {
                self.notes.line(format_args!("{message}; trying again in {}", time(pause)));
            }
            let end = Instant::now() + pause;
            while Instant::now() < end {
                self.check()?;
                thread::sleep(Duration::from_millis(50).min(end - Instant::now().min(end)));
            }
        }
    }

    /// Whether to go on.
    pub fn check(&self) -> Result<(), Failure> {
        if self.interrupt.raised() { Err(Failure::Interrupted) } else { Ok(()) }
    }

    /// A document, tried a few times.
    pub fn json<T: DeserializeOwned>(&self, url: &str, subject: &Subject<'_>) -> Result<T, Failure> {
        self.persist(|_| self.document(url, subject))
    }

    /// A document that nothing depends on.
    pub fn once<T: DeserializeOwned>(&self, url: &str, subject: &Subject<'_>) -> Option<T> {
        self.document(url, subject).ok()
    }

    fn document<T: DeserializeOwned>(&self, url: &str, subject: &Subject<'_>) -> Result<T, Fault> {
        let reply = self.request("GET", url, None, subject)?;
        let mut bytes = Vec::new();
        let read = reply.body.into_reader().take(LONGEST + 1).read_to_end(&mut bytes);
        read.map_err(|error| self.broken(url, &Error::Io(error)))?;
        if bytes.len() as u64 > LONGEST {
            let what = format!("{url} answers with more than the {LONGEST} bytes that a list of files may have");
            return Err(Failure::new("hub-answer", what).into());
        }
        serde_json::from_slice(&bytes).map_err(|error| {
            let what = format!("{url} answers with what is not a list of a model's files: {error}");
            Failure::new("hub-answer", what).with_hint("does HF_ENDPOINT name a hub?").into()
        })
    }

    /// One request, with its redirects.
    pub fn request(&self, method: &str, url: &str, from: Option<u64>, subject: &Subject<'_>) -> Result<Reply, Fault> {
        let mut url = url.to_owned();
        let mut own = HeaderMap::new();
        for _ in 0..=HOPS {
            let at_home = origin(&url) == origin(&self.settings.endpoint);
            let mut request = ureq::http::Request::builder().method(method).uri(&url);
            if let Some(token) = self.settings.token.as_ref().filter(|_| at_home) {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            if let Some(from) = from {
                request = request.header("range", format!("bytes={from}-"));
            }
            let request = request
                .body(())
                .map_err(|error| Failure::new("hub-answer", format_args!("{} is no address: {error}", shown(&url))))?;
            let reply = self.agent.run(request).map_err(|error| self.broken(&url, &error))?;
            self.reached.set(true);
            if at_home {
                own = reply.headers().clone();
            }
            let status = reply.status().as_u16();
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                return self.answer(reply, own, &url, subject);
            }
            // Headers that name the file stand beside its address, which is elsewhere.
            let Some(place) = text(reply.headers(), "location") else {
                return Err(Failure::new("hub-redirect", format!("{} redirects to nowhere", shown(&url))).into());
            };
            if method == "HEAD" && origin(&joined(&url, place)) != origin(&self.settings.endpoint) {
                let (parts, body) = reply.into_parts();
                return Ok(Reply { status, headers: parts.headers, own, body });
            }
            let next = joined(&url, place);
            if !next.starts_with("https://") && (url.starts_with("https://") || !next.starts_with("http://")) {
                let what = format!("{} redirects to {}, which is not https", shown(&url), shown(&next));
                return Err(Failure::new("hub-redirect", what).into());
            }
            url = next;
        }
        Err(Failure::new("hub-redirect", format!("more than {HOPS} redirects, the last to {}", shown(&url))).into())
    }

    /// What a final status means.
    fn answer(&self, reply: Response<Body>, own: HeaderMap, url: &str, subject: &Subject<'_>) -> Result<Reply, Fault> {
        let status = reply.status().as_u16();
        let (parts, body) = reply.into_parts();
        if matches!(status, 200 | 206 | 416) {
            if let Some(coding) = text(&parts.headers, "content-encoding").filter(|coding| *coding != "identity") {
                let what = format!("{} is sent as {coding:?}, which was not asked for", shown(url));
                return Err(Failure::new("hub-answer", what).into());
            }
            return Ok(Reply { status, headers: parts.headers, own, body });
        }
        Err(self.refused(status, &parts.headers, url, subject))
    }

    /// A refusal, and what to do about it.
    fn refused(&self, status: u16, headers: &HeaderMap, url: &str, subject: &Subject<'_>) -> Fault {
        let Subject { repo, revision, file } = subject;
        let endpoint = &self.settings.endpoint;
        let code = text(headers, "x-error-code").unwrap_or_default();
        let said = text(headers, "x-error-message").map(|said| format!(": {}", shown(said))).unwrap_or_default();
        let known = self.settings.token.is_some();
        let whose = if known { "the account of HF_TOKEN" } else { "whoever has no token" };
        let fail = |code: &str, what: String, hint: String| {
            let failure = Failure::new(code, what);
            Fault::Lasting(if hint.is_empty() { failure } else { failure.with_hint(hint) })
        };
        match status {
            401 | 403 if code == "GatedRepo" || (status == 403 && known) => fail(
                "hub-gated",
                format!("{repo} is not open to {whose} ({status}){said}"),
                if known {
                    format!(
                        "accept its licence at {endpoint}/{repo} with that account, and wait where it is granted by hand"
                    )
                } else {
                    format!("accept its licence at {endpoint}/{repo}, and set HF_TOKEN to a token of that account")
                },
            ),
            401 if known => fail(
                "hub-unauthorised",
                format!("{endpoint} does not take the token for {repo} (401){said}"),
                format!("a new token is made at {endpoint}/settings/tokens; is the repository's name right?"),
            ),
            401 | 403 => fail(
                "hub-unauthorised",
                format!("{repo} is not on {endpoint}, or is private ({status}){said}"),
                "is the name right? HF_TOKEN gives access to private repositories".to_owned(),
            ),
            404 | 410 => match (code, file) {
                ("RevisionNotFound", _) => {
                    fail("hub-revision", format!("{repo} has no revision '{revision}' on {endpoint}"), String::new())
                }
                ("RepoNotFound", _) | ("", None) | (_, None) => fail(
                    "hub-repository",
                    format!("there is no {repo} on {endpoint} (404){said}"),
                    "is the name right? a private one needs HF_TOKEN".to_owned(),
                ),
                (_, Some(file)) => fail(
                    "hub-file",
                    format!("{repo} has no file {file} at {revision}, though its list does"),
                    String::new(),
                ),
            },
            408 | 425 | 429 | 500..=599 => {
                let what = match status {
                    429 => format!("{endpoint} has had too many requests (429){said}"),
                    _ => format!("{} answers {status}{said}", shown(url)),
                };
                let code = if status == 429 { "hub-busy" } else { "hub-server" };
                let pause = pause(headers);
                let hint = pause.filter(|pause| *pause > PATIENCE).map(|pause| format!("it asks for {}", time(pause)));
                let mut failure = Failure::new(code, what);
                if let Some(hint) = hint {
                    failure = failure.with_hint(hint);
                }
                Fault::Passing(failure, pause)
            }
            _ => fail("hub-answer", format!("{} answers {status}{said}", shown(url)), String::new()),
        }
    }

    /// A connection that did not come about, or broke.
    pub fn broken(&self, url: &str, error: &Error) -> Fault {
        let inner = match error {
            // What goes wrong while a content is read comes wrapped.
            Error::Io(io) => io.get_ref().and_then(|inner| inner.downcast_ref::<Error>()),
            _ => None,
        };
        let (error, url, reached) = (inner.unwrap_or(error), shown(url), self.reached.get());
        let failure = match error {
            Error::Timeout(_) => {
                Failure::new("hub-timeout", format!("{url}: nothing came for {}", time(self.settings.silence)))
            }
            Error::HostNotFound => Failure::new("hub-unreachable", format!("the host of {url} is not found")),
            Error::Io(io) if !reached => Failure::new("hub-unreachable", format!("{url} is not reached: {io}")),
            other => Failure::new("hub-broken", format!("{url}: {other}")),
        };
        if let Some(wrong) = tls(error) {
            return Fault::Lasting(distrusted(url.as_str(), wrong));
        }
        match error {
            Error::Tls(_) | Error::Rustls(_) | Error::BadUri(_) | Error::InvalidProxyUrl => Fault::Lasting(failure),
            Error::LargeResponseHeader(..) => Fault::Lasting(failure),
            Error::HostNotFound | Error::Io(_) if !reached => Fault::Lasting(failure),
            _ => Fault::Passing(failure, None),
        }
    }
}

/// What is wrong with a connection's encryption, however deep it is wrapped.
fn tls(error: &Error) -> Option<&rustls::Error> {
    match error {
        Error::Rustls(error) => Some(error),
        Error::Io(io) => io.get_ref()?.downcast_ref(),
        _ => None,
    }
}

/// A host that is not proved to be who it says, or does not speak TLS.
fn distrusted(url: &str, error: &rustls::Error) -> Failure {
    use rustls::CertificateError as Why;
    let host = origin(url).map_or_else(|| url.to_owned(), |(_, host, _)| host);
    let rustls::Error::InvalidCertificate(why) = error else {
        let failure = Failure::new("hub-tls", format!("no encrypted connection to {host}, for {url}: {error}"));
        return match error {
            rustls::Error::InvalidMessage(_) => failure.with_hint("does that address take http:// and not https://?"),
            _ => failure,
        };
    };
    let (what, hint) = match why {
        Why::UnknownIssuer | Why::BadSignature => (
            "is signed by nobody who is trusted".to_owned(),
            "a proxy that signs by itself is trusted by SSL_CERT_FILE, a file of certificates such as the system's, \
             /etc/ssl/certs/ca-certificates.crt",
        ),
        Why::Expired | Why::ExpiredContext { .. } | Why::NotValidYet | Why::NotValidYetContext { .. } => {
            (format!("is not valid at this time: {why}"), "is this machine's clock right?")
        }
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            (format!("is another host's: {why}"), "HTTPS_PROXY or a captive portal may answer in its place")
        }
        other => (format!("is refused: {other}"), "SSL_CERT_FILE names the certificates to trust"),
    };
    Failure::new("hub-certificate", format!("the certificate of {host}, for {url}, {what}")).with_hint(hint)
}

/// The certificates that are trusted.
fn roots() -> Result<RootCerts, Failure> {
    let names = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
    let set = |name| std::env::var_os(name).filter(|path| !path.is_empty());
    let Some((name, path)) = names.into_iter().find_map(|name| Some((name, set(name)?))) else {
        return Ok(RootCerts::WebPki);
    };
    let path = std::path::PathBuf::from(path);
    let what = format!("the certificates of {name},");
    let pem = std::fs::read(&path).map_err(|error| Failure::reading(&what, &path, &error))?;
    let found: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(Failure::usage("environment", format!("{name}: {} has no certificate", path.display())));
    }
    Ok(RootCerts::from(found))
}

/// A header that is text.
pub fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// How long the hub asks to wait: `Retry-After` in seconds, or the `t` of its `RateLimit`.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let after = || text(headers, "retry-after")?.parse::<u32>().ok();
    let limit = || text(headers, "ratelimit")?.split(';').find_map(|part| part.trim().strip_prefix("t=")?.parse().ok());
    after().or_else(limit).map(|seconds| Duration::from_secs(seconds.into()))
}

/// Scheme, host and port of an address, in small letters.
fn origin(url: &str) -> Option<(String, String, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
    let default = if scheme == "http" { 80 } else { 443 };
    let (host, port) = match host.rsplit_once(':').filter(|(_, port)| port.chars().all(|c| c.is_ascii_digit())) {
        Some((name, port)) => (name.to_owned(), port.parse().unwrap_or(default)),
        None => (host, default),
    };
    Some((scheme, host, port))
}

/// The address that a redirect from `base` leads to.
fn joined(base: &str, place: &str) -> String {
    let Some((scheme, rest)) = base.split_once("://") else { return place.to_owned() };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if place.contains("://") && !place.starts_with('/') {
        place.to_owned()
    } else if place.starts_with("//") {
        format!("{scheme}:{place}")
    } else if place.starts_with('/') {
        format!("{scheme}://{host}{place}")
    } else {
        let path = rest[host.len()..].split(['?', '#']).next().unwrap_or_default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{host}{folder}/{place}")
    }
}

/// A text of a server's, in an error: not all of it, and of an address not the part that is a key.
fn shown(text: &str) -> String {
    let text = if text.starts_with("http") { text.split('?').next().unwrap_or_default() } else { text };
    let end = text.char_indices().nth(200).map_or(text.len(), |(at, _)| at);
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_joined_as_browsers_do() {
        let base = "http://hub.example:80/o/n/resolve/main/f?x=1";
        for (place, wanted) in [
            ("http://cdn.example/f?k=v", "http://cdn.example/f?k=v"),
            ("//cdn.example/f", "http://cdn.example/f"),
            ("/f?to=http://x", "http://hub.example:80/f?to=http://x"),
            ("g", "http://hub.example:80/o/n/resolve/main/g"),
        ] {
            assert_eq!(joined(base, place), wanted);
        }
    }

    #[test]
    fn a_host_is_a_host_however_it_is_written() {
        let home = origin("https://hub.example");
        for same in ["https://HUB.example/x", "https://hub.example:443/", "https://user@hub.example/a@b"] {
            assert_eq!(origin(same), home, "{same}");
        }
        for other in [
            "http://hub.example",
            "https://hub.example:444",
            "https://hub.example.evil",
            "https://hub.example@evil/",
            "https://evil/hub.example",
            "https://evil?hub.example",
        ] {
            assert_ne!(origin(other), home, "{other}");
        }
    }

    #[test]
    fn pauses_are_read() {
        let pause = |name: &'static str, value: &'static str| {
            pause(
                &[(ureq::http::HeaderName::from_static(name), ureq::http::HeaderValue::from_static(value))]
                    .into_iter()
                    .collect(),
            )
        };
        assert_eq!(pause("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("ratelimit", "\"resolvers\";r=0;t=42"), Some(Duration::from_secs(42)));
        assert_eq!(pause("retry-after", "-1"), None);
        assert_eq!(pause("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }
}
