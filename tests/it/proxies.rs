//! As an owner behind a proxy I know what it gets to see: the names of hosts, and
//! never a token, a key or a photo.

use crate::support::{FakeModel, FakeSite, MODEL_KEY, Output, SITE_TOKEN, Workspace};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// Notes every byte that arrives, and refuses politely.
struct Proxy {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut bytes = vec![0; 64 << 10];
                let count = stream.read(&mut bytes).unwrap_or(0);
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                log.lock().expect("no panic").push(text);
                let _ = stream.write_all(
                    b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                );
            }
        });
        Self { url, heard }
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().expect("no panic"))
    }
}

fn behind(proxy: &Proxy, workspace: &Workspace, args: &[&str]) -> Output {
    let mut program = workspace.altfill(args);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        program = program
            .env(name, &proxy.url)
            .env(&name.to_lowercase(), &proxy.url);
    }
    program.run()
}

fn only_tunnels(heard: &[String], host: &str) {
    assert!(!heard.is_empty(), "a tunnel to {host} was asked for");
    for text in heard {
        assert!(text.starts_with(&format!("CONNECT {host}:443 ")), "{text}");
        assert!(
            !text.contains(SITE_TOKEN) && !text.contains(MODEL_KEY),
            "{text}"
        );
    }
}

#[test]
fn a_sites_token_goes_past_a_proxy_or_through_a_tunnel() {
    let (site, model, proxy) = (
        FakeSite::with_photos(1),
        FakeModel::openai(),
        Proxy::start(),
    );
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.outage_patience", "1s");
    for address in ["http://cms.invalid", "http://cms.invalid:8080/sub"] {
        workspace.set("site.base_url", address);
        let output = behind(&proxy, &workspace, &["run", "--json"]);
        assert_ne!(output.code, Some(0), "{output}");
        let heard = proxy.heard();
        assert!(heard.is_empty(), "{address}: {heard:?}");
    }
    workspace.set("site.base_url", "https://cms.invalid");
    let output = behind(&proxy, &workspace, &["run", "--json"]);
    assert_ne!(output.code, Some(0), "{output}");
    only_tunnels(&proxy.heard(), "cms.invalid");
}

#[test]
fn a_key_and_a_photo_go_past_a_proxy_or_through_a_tunnel() {
    let (site, fake, proxy) = (
        FakeSite::with_photos(1),
        FakeModel::openai(),
        Proxy::start(),
    );
    let mut workspace = Workspace::album(&site, &fake);
    let mut check = |deployment: &str, address: &str| {
        let entry = json!({"deployment": deployment, "provider": "openai", "model": "m",
            "base_url": address, "api_key_env": "MODEL_KEY", "limits": {"timeout": "5s"}});
        workspace.add_entry("far", entry);
        let output = behind(&proxy, &workspace, &["models", "--check", "far"]);
        assert_ne!(output.code, Some(0), "{output}");
        proxy.heard()
    };
    for (deployment, address) in [
        ("cloud", "http://model.invalid/v1"),
        ("local", "http://gpu.invalid/v1"),
        ("local", "https://gpu.invalid/v1"),
    ] {
        let heard = check(deployment, address);
        assert!(heard.is_empty(), "{deployment} {address}: {heard:?}");
    }
    only_tunnels(&check("cloud", "https://model.invalid/v1"), "model.invalid");
}

#[test]
fn what_is_on_this_machine_is_reached_whatever_proxy_is_set() {
    let (site, model, proxy) = (
        FakeSite::with_photos(2),
        FakeModel::openai(),
        Proxy::start(),
    );
    let workspace = Workspace::album(&site, &model);
    let output = behind(&proxy, &workspace, &["run", "--json"]).expect(0);
    assert_eq!(output.number("/written"), 2, "{output}");
    assert!(proxy.heard().is_empty());
}
