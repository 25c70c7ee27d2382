//! What a hub may refuse, or say wrongly.

use super::server::{Answer, Body, COMMIT, Hub, Request, listing, ranged, silent};
use super::{Home, repositories};
use crate::process::finish;
use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The message of a pull that fails, of a hub with that script.
#[track_caller]
fn refused(name: &str, code: &str, script: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) -> String {
    refused_with(name, code, &[], script)
}

#[track_caller]
fn refused_with(
    name: &str,
    code: &str,
    env: &[(&str, &str)],
    script: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
) -> String {
    let (home, hub) = (Home::new(), Hub::scripted(repositories(), script));
    let mut command = home.command(&hub.endpoint, &["pull", name]);
    let err = finish(command.envs(env.iter().copied()), "").failed(1, code);
    home.is_clean(&hub, "o/tiny");
    assert!(!home.repository("o/tiny").join("refs/main").exists(), "no reference leads to what is not there");
    err
}

fn error(status: u16, code: &'static str) -> Answer {
    Answer::new(status, "").with("x-error-code", code).with("x-error-message", "so the hub says")
}

#[test]
fn a_token_that_is_missing_wrong_or_without_access_is_told_apart() {
    let gets = |request: &Request| request.path.contains("/resolve/");
    let err = refused("o/tiny", "hub-unauthorised", |_| Some(error(401, "RepoNotFound")));
    assert!(err.contains("is not on http://") && err.contains("HF_TOKEN gives access to private"), "{err}");
    let token = [("HF_TOKEN", "hf_abc")];
    let err = refused_with("o/tiny", "hub-unauthorised", &token, |_| Some(error(401, "")));
    assert!(err.contains("does not take the token") && !err.contains("hf_abc"), "{err}");
    let err = refused("o/tiny", "hub-gated", move |r| gets(r).then(|| error(401, "GatedRepo")));
    assert!(err.contains("accept its licence at http://") && err.contains("set HF_TOKEN"), "{err}");
    let err = refused_with("o/tiny", "hub-gated", &token, move |r| gets(r).then(|| error(403, "GatedRepo")));
    assert!(err.contains("accept its licence") && err.contains("so the hub says"), "{err}");
}

#[test]
fn a_token_is_read_from_the_file_and_checked() {
    let (home, hub) = (Home::new(), Hub::of(repositories()));
    fs::write(home.0.path().join("token"), "hf_file\n").unwrap();
    home.run(&hub, &["pull", "o/tiny-GGUF"]).ok();
    assert!(hub.log().iter().all(|request| request.header("authorization") == Some("Bearer hf_file")));
    assert!(hub.log().iter().all(|request| request.header("accept-encoding") == Some("identity")));
    let mut command = home.command(&hub.endpoint, &["pull", "o/tiny-GGUF"]);
    let err = finish(command.env("HF_TOKEN", "hf a\u{e9}"), "").failed(2, "environment");
    assert!(err.contains("HF_TOKEN holds no token") && !err.contains("hf a"), "{err}");
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let err = refused("o/tinny", "hub-repository", |_| None);
    assert!(err.contains("there is no o/tinny on http://") && err.contains("did you mean o/tiny"), "{err}");
    let err = refused("o/tiny:v1.1", "hub-revision", |_| None);
    assert!(err.contains("no revision 'v1.1'") && err.contains("it has v1.0"), "{err}");
    let err = refused("o/tiny/confg.json", "hub-file", |_| None);
    assert!(err.contains("has no file confg.json; hint: it has config.json"), "{err}");
    let err = refused("o/tiny-GGUF:Q5_K_M", "hub-file", |_| None);
    assert!(err.contains("no model of type Q5_K_M; hint: it has BF16, Q4_K_M, Q8_0"), "{err}");
    let err = refused("o/tiny:Q4_K_M", "hub-file", |_| None);
    assert!(err.contains("no GGUF model") && err.contains("ocelli convert o/tiny -o"), "{err}");
    // A file that the list has and the hub does not.
    let err = refused("o/tiny", "hub-file", |r| r.gets("config.json").then(|| error(404, "EntryNotFound")));
    assert!(err.contains("no file config.json at main"), "{err}");
}

#[test]
fn names_that_are_none_are_usage_errors() {
    let (home, hub) = (Home::new(), Hub::of(repositories()));
    for name in ["", "a/../b", "../b", "o/n:x y", "https://elsewhere.example/o/n", "o/n@a:b", "-o/n"] {
        home.run(&hub, &["pull", "--", name]).failed(2, "hub-name");
    }
    home.run(&hub, &["pull", "o/n:a", "--revision", "b"]).failed(2, "hub-name");
    home.run(&hub, &["pull", "o/n", "--revision", "../b"]).failed(2, "hub-name");
    assert!(hub.log().is_empty());
}

#[test]
fn a_busy_hub_is_asked_again_when_it_says() {
    let (home, start) = (Home::new(), Instant::now());
    let hub = Hub::scripted(repositories(), |request| {
        (request.before == 0 && request.lists()).then(|| Answer::new(429, "").with("retry-after", "1"))
    });
    let ended = home.run(&hub, &["pull", "o/tiny"]);
    assert!(ended.err.contains("too many requests (429); trying again in 1.00 s"), "{ended:?}");
    ended.ok();
    assert!(start.elapsed() >= Duration::from_secs(1));
    home.has(&hub, "o/tiny", "model.safetensors");
    let start = Instant::now();
    let err = refused("o/tiny", "hub-busy", |_| Some(Answer::new(429, "").with("retry-after", "4000")));
    assert!(err.contains("it asks for 4000.00 s") && start.elapsed() < Duration::from_secs(20), "{err}");
    // The header that the hub has instead.
    let err = refused("o/tiny", "hub-busy", |_| Some(Answer::new(429, "").with("ratelimit", "\"api\";r=0;t=999")));
    assert!(err.contains("it asks for 999.00 s"), "{err}");
}

#[test]
fn a_server_that_fails_is_asked_a_few_times() {
    for status in [500, 502, 503, 504] {
        let (home, hub) = (
            Home::new(),
            Hub::scripted(repositories(), move |r| (r.before < 2).then(|| Answer::new(status, "<html>"))),
        );
        home.run(&hub, &["pull", "o/tiny"]).ok();
        home.has(&hub, "o/tiny", "config.json");
    }
    let (home, hub) = (Home::new(), Hub::scripted(repositories(), |_| Some(Answer::new(500, ""))));
    let err = home.run(&hub, &["pull", "o/tiny"]).failed(1, "hub-server");
    assert!(err.contains("answers 500"), "{err}");
    assert_eq!(hub.log().len(), 5, "bounded");
}

#[test]
fn redirects_are_followed_and_the_token_stays_at_home() {
    // Relative, then to another host, which must not see the token.
    let store = repositories()["o/tiny"]["model.safetensors"].bytes.clone();
    let other = Hub::scripted(repositories(), move |r| Some(ranged(r, &store)));
    let target = other.endpoint.clone();
    let hub = Hub::scripted(repositories(), move |request| {
        if request.path.starts_with("/moved/") {
            return Some(Answer::to(format!("{target}/x?key=secret")));
        }
        request.gets("model.safetensors").then(|| Answer::to("/moved/model").with("x-linked-size", "1"))
    });
    let home = Home::new();
    finish(home.command(&hub.endpoint, &["pull", "o/tiny"]).env("HF_TOKEN", "hf_abc"), "").ok();
    home.has(&hub, "o/tiny", "model.safetensors");
    assert!(hub.log().iter().all(|request| request.header("authorization") == Some("Bearer hf_abc")));
    assert!(!other.log().is_empty());
    assert!(other.log().iter().all(|request| request.header("authorization").is_none()));

    let err = refused("o/tiny", "hub-redirect", |r| r.lists().then(|| Answer::to(r.path.clone())));
    assert!(err.contains("more than 8 redirects"), "{err}");
    let err = refused("o/tiny", "hub-redirect", |r| r.lists().then(|| Answer::to("file:///etc/passwd")));
    assert!(err.contains("redirects to file:///etc/passwd, which is not https"), "{err}");
    refused("o/tiny", "hub-redirect", |r| r.lists().then(|| Answer::new(302, "")));
    refused("o/tiny", "hub-answer", |r| r.lists().then(|| Answer::to("http://a b/")));
    // Of an error elsewhere the address is shown without its key.
    let err = refused("o/tiny", "hub-answer", move |r| match r.path.as_str() {
        "/second?key=secret" => Some(Answer::new(418, "")),
        _ => r.gets("config.json").then(|| Answer::to("/second?key=secret")),
    });
    assert!(err.contains("/second answers 418") && !err.contains("secret"), "{err}");
}

#[test]
fn hostile_names_are_refused_before_anything_is_written() {
    for name in ["../evil", "/etc/evil", "a/../../evil", "a//b", "nul\0.json", "tab\t.json", "", ".", "a/./b", "a/"] {
        let err = refused("o/tiny", "hub-answer", move |r| {
            let files = json!([{"rfilename": "config.json", "size": 1, "blobId": "f".repeat(40)}, {"rfilename": name}]);
            r.lists().then(|| Answer::new(200, json!({"sha": COMMIT, "siblings": files}).to_string()))
        });
        assert!(err.contains("is no path inside a repository"), "{name:?}: {err}");
    }
    let long = move |r: &Request| {
        let files = json!([{"rfilename": "a/".repeat(100_000) + "b"}, {"rfilename": "n".repeat(300)}]);
        r.lists().then(|| Answer::new(200, json!({"sha": COMMIT, "siblings": files}).to_string()))
    };
    assert!(refused("o/tiny", "hub-answer", long).contains("a path of 200001 bytes, 1024 at most"));
    for name in ["..\\..\\evil.gguf", "C:evil.gguf"] {
        let err = refused("o/tiny", "hub-answer", move |r| {
            let listed = json!({"sha": COMMIT, "siblings": [{"rfilename": name, "size": 1, "blobId": "f".repeat(40)}]});
            r.lists().then(|| Answer::new(200, listed.to_string()))
        });
        assert!(err.contains("not one on every system"), "{err}");
    }
}

#[test]
fn hostile_hashes_are_refused() {
    for commit in ["../../evil", "", "/etc", ".git", "a b"] {
        let err = refused("o/tiny", "hub-answer", move |r| {
            r.lists().then(|| Answer::new(200, json!({"sha": commit, "siblings": []}).to_string()))
        });
        assert!(err.contains("is no commit"), "{err}");
    }
    for etag in ["\"../../evil\"", "\"\"", "\".hidden\"", "\"a/b\""] {
        let err = refused("o/tiny", "hub-answer", move |r| {
            if r.lists() {
                let files = json!([{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]);
                return Some(Answer::new(200, json!({"sha": COMMIT, "siblings": files}).to_string()));
            }
            (r.method == "HEAD").then(|| Answer::new(200, "x").with("etag", etag))
        });
        assert!(err.contains("has no etag"), "{err}");
    }
}

#[test]
fn tables_of_weights_are_not_trusted() {
    for shard in ["../../../evil.safetensors", "/etc/passwd", "not-there.safetensors"] {
        let mut all = repositories();
        let files = all.get_mut("o/tiny").unwrap();
        let mut table = files["config.json"].clone();
        table.bytes = json!({"weight_map": {"a": shard}}).to_string().into_bytes();
        files.remove("model.safetensors");
        files.insert("model.safetensors.index.json".to_owned(), table);
        let (home, hub) = (Home::new(), Hub::of(all));
        let err = home.run(&hub, &["pull", "o/tiny"]).failed(1, "hub-file");
        assert!(err.contains(&format!("has no {shard}, which its table of weights names")), "{err}");
    }
}

#[test]
fn lists_that_are_none_are_refused() {
    let answers: [(&'static str, &str); 6] = [
        ("<html>Log in to the network</html>", "is not a list of a model's files: expected value"),
        ("{\"sha\": \"01", "EOF while parsing"),
        ("{}", "missing field `sha`"),
        ("[]", "is not a list"),
        (r#"{"sha": "01", "siblings": [{"rfilename": "a", "size": -1}]}"#, "invalid value"),
        ("\u{0}\u{1}", "expected value"),
    ];
    for (answer, wanted) in answers {
        let err = refused("o/tiny", "hub-answer", move |r| r.lists().then(|| Answer::new(200, answer)));
        assert!(err.contains(wanted), "{err}");
    }
    let deep = "[".repeat(100_000);
    let err = refused("o/tiny", "hub-answer", move |r| r.lists().then(|| Answer::new(200, deep.clone())));
    assert!(err.contains("is not a list") || err.contains("recursion"), "{err}");
    let endless = |r: &Request| r.lists().then(|| Answer::of(Body::Endless(b"{\"sha\": \"01\",       ".repeat(5000))));
    assert!(refused("o/tiny", "hub-answer", endless).contains("more than the 67108864 bytes"));
    let headers = |r: &Request| r.lists().then(|| Answer::new(200, "{}").with("x-long", "a".repeat(1 << 20)));
    refused("o/tiny", "hub-broken", headers);
    let coded = |r: &Request| r.lists().then(|| Answer::new(200, "\u{1f}").with("content-encoding", "gzip"));
    assert!(refused("o/tiny", "hub-answer", coded).contains("\"gzip\", which was not asked for"));
}

#[test]
fn a_list_without_lengths_and_hashes_is_completed_from_headers() {
    let (home, hub) = (Home::new(), {
        let files = repositories()["o/tiny"].clone();
        Hub::scripted(repositories(), move |r| {
            let mut list = listing(&files);
            for file in list["siblings"].as_array_mut().unwrap() {
                *file = json!({"rfilename": file["rfilename"]});
            }
            r.lists().then(|| Answer::new(200, list.to_string()))
        })
    });
    home.run(&hub, &["pull", "o/tiny"]).ok();
    for file in ["config.json", "model.safetensors", "additional_chat_templates/tool.jinja"] {
        home.has(&hub, "o/tiny", file);
    }
}

#[test]
fn a_hub_that_is_not_there_or_silent_is_named() {
    let home = Home::new();
    let start = Instant::now();
    let nowhere = "http://127.0.0.1:9";
    let err = finish(&mut home.command(nowhere, &["pull", "o/tiny"]), "").failed(1, "hub-unreachable");
    assert!(err.contains(nowhere) && start.elapsed() < Duration::from_secs(5), "{err}");
    let err =
        finish(&mut home.command("http://no-such-host.invalid", &["pull", "o/tiny"]), "").failed(1, "hub-unreachable");
    assert!(err.contains("no-such-host.invalid"), "{err}");
    let mut command = home.command(&silent(), &["pull", "o/tiny"]);
    let err = finish(command.env("HF_HUB_DOWNLOAD_TIMEOUT", "0.2"), "").failed(1, "hub-timeout");
    assert!(err.contains("nothing came for 200 ms"), "{err}");
    finish(&mut home.command("ftp://hub", &["pull", "o/tiny"]), "").failed(2, "environment");
    let mut command = home.command("http://hub", &["pull", "o/tiny"]);
    finish(command.env("HF_HUB_DOWNLOAD_TIMEOUT", "soon"), "").failed(2, "environment");
    let err =
        finish(home.command(nowhere, &["pull", "o/tiny"]).env("HF_HUB_OFFLINE", "1"), "").failed(1, "hub-offline");
    assert!(err.contains("HF_HUB_OFFLINE is set"), "{err}");
    // Where a path may stand, the error says both.
    let err = finish(&mut home.command(nowhere, &["inspect", "o/tiny:Q4_0"]), "").failed(1, "hub-unreachable");
    assert!(err.contains("o/tiny:Q4_0 is no file or directory here, and not in") && err.contains("/hub"), "{err}");
}

/// A proxy that opens a tunnel to the hub, whatever host is asked for.
#[test]
fn proxies_are_used_unless_a_host_is_to_do_without() {
    let (home, hub) = (Home::new(), Hub::of(repositories()));
    let (proxy, asked) = tunnel(hub.endpoint.strip_prefix("http://").unwrap().to_owned());
    let pull = |no: &str| {
        let mut command = home.command("http://hub.invalid", &["pull", "o/tiny"]);
        finish(command.env("HTTP_PROXY", &proxy).env("NO_PROXY", no), "")
    };
    pull("hub.invalid").failed(1, "hub-unreachable");
    assert!(asked.lock().unwrap().is_empty());
    pull("elsewhere.invalid").ok();
    assert!(asked.lock().unwrap().iter().all(|line| line.starts_with("CONNECT hub.invalid:80 ")));
    home.has(&hub, "o/tiny", "model.safetensors");
}

fn tunnel(target: String) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && (&near).read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            }
            seen.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
            (&near).write_all(b"HTTP/1.1 200 ok\r\n\r\n").unwrap();
            let far = TcpStream::connect(&target).unwrap();
            let ways = [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)];
            for (mut from, mut to) in ways {
                thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
    (address, asked)
}
