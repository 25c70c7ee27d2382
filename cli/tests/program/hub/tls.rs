//! A hub over TLS: who is trusted, and what is said of whoever is not.

use super::server::{Answer, Hub, Request};
use super::{Home, repositories};
use crate::process::finish;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

/// Somebody who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate, as a file has it.
    fn pem(&self) -> String {
        self.0.as_ref().pem()
    }

    /// A server that shows a certificate of this authority for `host`, valid in these years.
    fn server(&self, host: &str, years: [i32; 2]) -> ServerConfig {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        [params.not_before, params.not_after] = years.map(|year| date_time_ymd(year, 1, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }

    /// A hub with such a certificate.
    fn hub(&self, host: &str, years: [i32; 2]) -> Hub {
        Hub::encrypted(repositories(), self.server(host, years), |_| None)
    }
}

const VALID: [i32; 2] = [2000, 4000];

/// The message of a pull from a hub that is not trusted, which asks it for nothing.
#[track_caller]
fn distrusted(hub: &Hub, trusted: Option<&Authority>, code: &str) -> String {
    let home = Home::new();
    let mut command = home.command(&hub.endpoint, &["pull", "o/tiny"]);
    command.env("HF_TOKEN", "hf_secret");
    if let Some(authority) = trusted {
        let file = home.0.path().join("ca.pem");
        fs::write(&file, authority.pem()).unwrap();
        command.env("SSL_CERT_FILE", file);
    }
    let err = finish(&mut command, "").failed(1, code);
    assert!(hub.log().is_empty(), "nothing is asked of whoever is not trusted");
    assert!(!home.repository("o/tiny").exists());
    err
}

#[test]
fn who_signs_for_a_hub_is_trusted_by_a_file() {
    let (authority, other) = (Authority::new(), Authority::new());
    let hub = authority.hub("localhost", VALID);
    // Behind somebody else's certificate and between comments, as the files of systems are.
    let pem = format!("# Another\n{}\n# This one\n{}", other.pem(), authority.pem());
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        let home = Home::new();
        let file = home.0.path().join("ca.pem");
        fs::write(&file, &pem).unwrap();
        let mut command = home.command(&hub.endpoint, &["pull", "o/tiny"]);
        // An empty variable is none.
        command.env("SSL_CERT_FILE", "").env("HF_TOKEN", "hf_abc").env(name, &file);
        finish(&mut command, "").ok();
        for path in ["config.json", "tokenizer.json", "model.safetensors"] {
            home.has(&hub, "o/tiny", path);
        }
    }
    assert!(hub.log().iter().all(|request| request.header("authorization") == Some("Bearer hf_abc")));
}

#[test]
fn who_is_not_trusted_is_named_and_gets_no_token() {
    let (authority, other) = (Authority::new(), Authority::new());
    let hub = authority.hub("localhost", VALID);
    for trusted in [None, Some(&other)] {
        let err = distrusted(&hub, trusted, "hub-certificate");
        assert!(err.contains("the certificate of localhost, for https://localhost:"), "{err}");
        assert!(err.contains("is signed by nobody who is trusted") && err.contains("SSL_CERT_FILE"), "{err}");
    }
    for years in [[2000, 2001], [3999, 4000]] {
        let err = distrusted(&authority.hub("localhost", years), Some(&authority), "hub-certificate");
        assert!(err.contains("is not valid at this time") && err.contains("clock"), "{err}");
    }
    let err = distrusted(&authority.hub("elsewhere.example", VALID), Some(&authority), "hub-certificate");
    assert!(err.contains("of localhost") && err.contains("is another host's") && err.contains("HTTPS_PROXY"), "{err}");
}

#[test]
fn a_redirect_to_who_is_not_trusted_is_not_followed() {
    let authority = Authority::new();
    let store = authority.hub("localhost", VALID);
    let to = format!("{}/o/tiny/resolve/main/model.safetensors", store.endpoint);
    let script = move |request: &Request| request.gets("model.safetensors").then(|| Answer::to(to.as_str()));
    let (home, hub) = (Home::new(), Hub::scripted(repositories(), script));
    let err = home.run(&hub, &["pull", "o/tiny"]).failed(1, "hub-certificate");
    assert!(err.contains("of localhost") && err.contains("SSL_CERT_FILE"), "{err}");
    assert!(store.log().is_empty() && hub.gets("model.safetensors") == 1, "it is not tried again");
    home.is_clean(&hub, "o/tiny");
}

#[test]
fn https_where_there_is_none_is_told() {
    // What does not speak TLS answers its greeting like this.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1 << 14]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
        }
    });
    let err = finish(&mut Home::new().command(&endpoint, &["pull", "o/tiny"]), "").failed(1, "hub-tls");
    assert!(err.contains("no encrypted connection to 127.0.0.1") && err.contains("take http:// and not"), "{err}");
}

#[test]
fn a_file_without_certificates_is_refused() {
    let (home, hub) = (Home::new(), Hub::of(repositories()));
    let file = home.0.path().join("ca.pem");
    fs::write(&file, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    let mut command = home.command(&hub.endpoint, &["pull", "o/tiny"]);
    let err = finish(command.env("SSL_CERT_FILE", &file), "").failed(2, "environment");
    assert!(err.contains("SSL_CERT_FILE") && err.contains("has no certificate"), "{err}");
    let mut command = home.command(&hub.endpoint, &["pull", "o/tiny"]);
    let err = finish(command.env("SSL_CERT_FILE", home.0.path().join("none.pem")), "").failed(1, "open");
    assert!(err.contains("the certificates of SSL_CERT_FILE"), "{err}");
}
