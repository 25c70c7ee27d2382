//! A hub on the loopback: a thread that answers as the real one does, unless a test says otherwise.

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What was asked.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    pub headers: BTreeMap<String, String>,
    /// How often this path was asked for before, by this method.
    pub before: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Where a range begins.
    pub fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }

    /// Whether a file is asked for, by its name.
    pub fn gets(&self, file: &str) -> bool {
        self.method == "GET" && self.path.contains("/resolve/") && self.path.ends_with(file)
    }

    pub fn lists(&self) -> bool {
        self.path.contains("/revision/")
    }
}

/// How the content is sent.
#[derive(Clone)]
pub enum Body {
    Whole(Vec<u8>),
    /// So many bytes of it, then the connection is closed.
    Cut(Vec<u8>, usize),
    /// So many bytes of it, then nothing.
    Stalled(Vec<u8>, usize),
    Chunked(Vec<u8>),
    ChunkedCut(Vec<u8>, usize),
    /// Until the connection is closed.
    Unmeasured(Vec<u8>),
    /// In pieces of that many bytes with a pause behind each.
    Slow(Vec<u8>, usize, Duration),
    /// The same bytes for ever.
    Endless(Vec<u8>),
}

#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

impl Answer {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: Body::Whole(body.into()) }
    }

    pub fn of(body: Body) -> Self {
        Self { status: 200, headers: Vec::new(), body }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn to(place: impl Into<String>) -> Self {
        Self::new(302, "").with("location", place)
    }
}

/// A file of a repository.
#[derive(Clone)]
pub struct Stored {
    pub bytes: Vec<u8>,
    pub large: bool,
}

impl Stored {
    pub fn etag(&self) -> String {
        if self.large {
            return hexadecimal(digest(&SHA256, &self.bytes).as_ref());
        }
        let mut git = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        git.update(format!("blob {}\0", self.bytes.len()).as_bytes());
        git.update(&self.bytes);
        hexadecimal(git.finish().as_ref())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What answers are read from and written to.
trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// Repositories by name.
pub type Repositories = BTreeMap<String, BTreeMap<String, Stored>>;
type Script = dyn Fn(&Request) -> Option<Answer> + Send + Sync;

pub struct Hub {
    pub endpoint: String,
    pub repositories: Arc<Repositories>,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Hub {
    /// A hub that does what it should.
    pub fn of(repositories: Repositories) -> Self {
        Self::scripted(repositories, |_| None)
    }

    /// A hub that does what it should where the script has no answer.
    pub fn scripted(
        repositories: Repositories,
        script: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        Self::reached(repositories, None, script)
    }

    /// A hub over TLS, whose certificate is for `localhost`.
    pub fn encrypted(
        repositories: Repositories,
        config: ServerConfig,
        script: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        Self::reached(repositories, Some(Arc::new(config)), script)
    }

    fn reached(
        repositories: Repositories,
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let endpoint = match tls {
            Some(_) => format!("https://localhost:{}", address.port()),
            None => format!("http://{address}"),
        };
        let (repositories, log) = (Arc::new(repositories), Arc::new(Mutex::new(Vec::new())));
        let (shared, seen, script) = (Arc::clone(&repositories), Arc::clone(&log), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, seen, script) = (Arc::clone(&shared), Arc::clone(&seen), Arc::clone(&script));
                let tls = tls.clone();
                thread::spawn(move || {
                    let wire: Box<dyn Wire> = match tls {
                        Some(config) => {
                            let connection = ServerConnection::new(config).unwrap();
                            Box::new(StreamOwned::new(connection, stream.try_clone().unwrap()))
                        }
                        None => Box::new(stream.try_clone().unwrap()),
                    };
                    serve(wire, &shared, &seen, &*script);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Self { endpoint, repositories, log }
    }

    pub fn log(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    /// How often the content of a file was asked for.
    pub fn gets(&self, file: &str) -> usize {
        self.log().iter().filter(|request| request.gets(file)).count()
    }
}

fn serve(wire: Box<dyn Wire>, repositories: &Repositories, log: &Mutex<Vec<Request>>, script: &Script) -> Option<()> {
    let mut reader = BufReader::new(wire);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace();
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let request = {
            let mut log = log.lock().unwrap();
            let before = log.iter().filter(|old: &&Request| old.path == path && old.method == method).count();
            log.push(Request { method, path, headers, before });
            log.last()?.clone()
        };
        let answer = script(&request).unwrap_or_else(|| usual(&request, repositories));
        if !send(reader.get_mut(), &answer, request.method == "HEAD").unwrap_or(false) {
            return None;
        }
    }
}

/// Sends an answer; whether the connection goes on.
fn send(stream: &mut dyn Wire, answer: &Answer, head_only: bool) -> std::io::Result<bool> {
    let mut head = format!("HTTP/1.1 {} Status\r\n", answer.status);
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    match &answer.body {
        Body::Whole(bytes) | Body::Cut(bytes, _) | Body::Stalled(bytes, _) | Body::Slow(bytes, ..) => {
            head += &format!("content-length: {}\r\n", bytes.len());
        }
        Body::Chunked(_) | Body::ChunkedCut(..) => head += "transfer-encoding: chunked\r\n",
        Body::Unmeasured(_) | Body::Endless(_) => head += "connection: close\r\n",
    }
    head += "\r\n";
    stream.write_all(head.as_bytes())?;
    if head_only {
        return Ok(true);
    }
    let chunks = |stream: &mut dyn Wire, bytes: &[u8]| {
        bytes.chunks(10_000).try_for_each(|chunk| {
            write!(stream, "{:x}\r\n", chunk.len())?;
            stream.write_all(chunk)?;
            stream.write_all(b"\r\n")
        })
    };
    match &answer.body {
        Body::Whole(bytes) => stream.write_all(bytes)?,
        Body::Cut(bytes, end) => {
            stream.write_all(&bytes[..*end])?;
            return Ok(false);
        }
        Body::Stalled(bytes, end) => {
            stream.write_all(&bytes[..*end])?;
            thread::sleep(Duration::from_secs(20));
            return Ok(false);
        }
        Body::Chunked(bytes) => {
            chunks(stream, bytes)?;
            stream.write_all(b"0\r\n\r\n")?;
        }
        Body::ChunkedCut(bytes, end) => {
            chunks(stream, &bytes[..*end])?;
            return Ok(false);
        }
        Body::Unmeasured(bytes) => {
            stream.write_all(bytes)?;
            return Ok(false);
        }
        Body::Slow(bytes, piece, pause) => {
            for piece in bytes.chunks(*piece) {
                stream.write_all(piece)?;
                thread::sleep(*pause);
            }
        }
        Body::Endless(bytes) => loop {
            stream.write_all(bytes)?;
        },
    }
    Ok(true)
}

/// What the real hub answers, in short.
fn usual(request: &Request, repositories: &Repositories) -> Answer {
    let missing = |code: &str| Answer::new(404, "").with("x-error-code", code).with("x-error-message", "not here");
    let path = request.path.split('?').next().unwrap();
    if let Some(rest) = path.strip_prefix("/api/models/") {
        if let Some(repo) = rest.strip_suffix("/refs") {
            return match repositories.contains_key(repo) {
                true => Answer::new(200, r#"{"branches": [{"name": "main"}], "tags": [{"name": "v1.0"}]}"#),
                false => missing("RepoNotFound"),
            };
        }
        let Some((repo, revision)) = rest.split_once("/revision/") else { return missing("RepoNotFound") };
        let Some(files) = repositories.get(repo) else { return missing("RepoNotFound") };
        if ![COMMIT, "main", "v1.0", "refs%2Fpr%2F1"].contains(&revision) {
            return missing("RevisionNotFound");
        }
        return Answer::new(200, listing(files).to_string());
    }
    if path == "/api/models" {
        let names: Vec<Value> = repositories.keys().map(|name| json!({"id": name, "likes": 1})).collect();
        return Answer::new(200, Value::from(names).to_string());
    }
    let Some((repo, rest)) = path.trim_start_matches('/').split_once("/resolve/") else {
        return missing("EntryNotFound");
    };
    let Some(files) = repositories.get(repo) else { return missing("RepoNotFound") };
    match rest.split_once('/').and_then(|(_, file)| files.get(file)) {
        Some(file) => {
            ranged(request, &file.bytes).with("etag", format!("\"{}\"", file.etag())).with("x-repo-commit", COMMIT)
        }
        None => missing("EntryNotFound"),
    }
}

/// The list of a repository's files.
pub fn listing(files: &BTreeMap<String, Stored>) -> Value {
    let file = |(path, file): (&String, &Stored)| {
        let mut value = json!({"rfilename": path, "size": file.bytes.len(), "blobId": "f".repeat(40)});
        if file.large {
            value["lfs"] = json!({"sha256": file.etag(), "size": file.bytes.len(), "pointerSize": 130});
        } else {
            value["blobId"] = file.etag().into();
        }
        value
    };
    json!({"id": "o/n", "sha": COMMIT, "private": false, "siblings": files.iter().map(file).collect::<Vec<_>>()})
}

/// All of a file, or from where it was asked for.
pub fn ranged(request: &Request, bytes: &[u8]) -> Answer {
    match request.from() {
        Some(from) if from < bytes.len() => {
            let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
            let mut answer = Answer::new(206, &bytes[from..]);
            answer.headers.push(("content-range".to_owned(), range));
            answer
        }
        Some(_) => Answer::new(416, "").with("content-range", format!("bytes */{}", bytes.len())),
        None => Answer::new(200, bytes),
    }
}

/// Reads nothing and says nothing, for as long as the test runs.
pub fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut held = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1]);
            held.push(stream);
        }
    });
    endpoint
}
