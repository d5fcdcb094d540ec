//! A headless Chromium, driven over the WebDriver protocol (JSON over HTTP on loopback).

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value as Json, json};

/// Longest wait for something to be on a page.
const WAIT: Duration = Duration::from_secs(20);
/// How often to look.
const LOOK: Duration = Duration::from_millis(100);
/// Most stops of the tab key on a page.
const STOPS: usize = 150;
/// WebDriver's names of keys.
pub const TAB: &str = "\u{E004}";
pub const ENTER: &str = "\u{E007}";
/// The key of an element in answers of WebDriver.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// What the browser is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub language: &'static str,
    pub dark: bool,
    pub width: u32,
    pub script: bool,
}

impl Look {
    pub const DESK: Look = Look { language: "en", dark: false, width: 1280, script: true };
}

/// A browser window; it ends with its driver.
pub struct Browser {
    driver: Child,
    client: reqwest::Client,
    session: String,
    _profile: tempfile::TempDir,
}

/// An element of the page.
#[derive(Debug, Clone)]
pub struct Element(String);

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver leaves a browser behind whose session is still open.
        self.close();
        let _ = Command::new("kill").arg(self.driver.id().to_string()).status();
        for _ in 0..50 {
            if matches!(self.driver.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("its number").port()
}

impl Browser {
    /// Closes the window and its browser, without the runtime, which may be gone.
    fn close(&self) {
        let Some((host, path)) = self.session.trim_start_matches("http://").split_once('/') else { return };
        let Ok(mut stream) = std::net::TcpStream::connect(host) else { return };
        let _ = stream.set_read_timeout(Some(WAIT));
        let request = format!("DELETE /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        // The answer comes when the browser has ended.
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read(&mut [0; 64]);
    }

    pub async fn start(look: Look) -> Self {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver: apt install chromium-driver");
        let profile = tempfile::tempdir().expect("a directory");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().expect("a client");
        let mut args = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--lang={}", look.language),
            format!("--window-size={},900", look.width),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        if look.dark {
            args.push("--blink-settings=preferredColorScheme=0".to_owned());
        } else {
            args.push("--blink-settings=preferredColorScheme=1".to_owned());
        }
        let mut prefs = json!({ "intl.accept_languages": look.language, "credentials_enable_service": false });
        if !look.script {
            prefs["profile.managed_default_content_settings.javascript"] = json!(2);
        }
        let mut options = json!({ "args": args, "prefs": prefs });
        if look.width < 500 {
            // A window is never that narrow: a phone is emulated.
            options["mobileEmulation"] = json!({ "deviceMetrics": { "width": look.width, "height": 844, "pixelRatio": 2.0 } });
        }
        let capabilities = json!({
            "capabilities": { "alwaysMatch": {
                "browserName": "chrome",
                "goog:chromeOptions": options,
                "goog:loggingPrefs": { "browser": "ALL" },
                "unhandledPromptBehavior": "accept",
            } }
        });
        let base = format!("http://127.0.0.1:{port}");
        let mut browser = Self { driver, client, session: base.clone(), _profile: profile };
        let began = Instant::now();
        loop {
            if let Ok(answer) = browser.client.post(format!("{base}/session")).body(capabilities.to_string()).send().await {
                let text = answer.text().await.expect("an answer");
                let answer: Json = serde_json::from_str(&text).expect("JSON");
                let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no browser: {text}"));
                browser.session = format!("{base}/session/{id}");
                return browser;
            }
            assert!(began.elapsed() < WAIT, "chromedriver does not answer");
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn try_call(&self, method: &str, path: &str, body: Json) -> Result<Json, Json> {
        let url = format!("{}{path}", self.session);
        let request = match method {
            "GET" => self.client.get(url),
            _ => self.client.post(url).body(body.to_string()),
        };
        let text = request.send().await.expect("the driver").text().await.expect("an answer");
        let answer: Json = serde_json::from_str(&text).expect("JSON");
        if answer["value"]["error"].is_string() { Err(answer["value"].clone()) } else { Ok(answer["value"].clone()) }
    }

    async fn call(&self, method: &str, path: &str, body: Json) -> Json {
        self.try_call(method, path, body).await.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub async fn open(&self, url: &str) {
        self.call("POST", "/url", json!({ "url": url })).await;
    }

    pub async fn address(&self) -> String {
        self.call("GET", "/url", Json::Null).await.as_str().unwrap_or_default().to_owned()
    }

    pub async fn run(&self, script: &str) -> Json {
        self.call("POST", "/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// What is to be read on the page.
    pub async fn text(&self) -> String {
        self.run("return document.body.innerText").await.as_str().unwrap_or_default().to_owned()
    }

    async fn try_find(&self, how: &str, what: &str) -> Option<Element> {
        let found = self.try_call("POST", "/element", json!({ "using": how, "value": what })).await.ok()?;
        found[ELEMENT].as_str().map(|id| Element(id.to_owned()))
    }

    async fn find_by(&self, how: &str, what: &str) -> Element {
        let began = Instant::now();
        loop {
            if let Some(found) = self.try_find(how, what).await {
                return found;
            }
            assert!(
                began.elapsed() < WAIT,
                "{what} is not on {}:\n{}",
                self.address().await,
                self.run("return document.body.innerText").await
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// An element by its CSS selector, waited for.
    pub async fn find(&self, selector: &str) -> Element {
        self.find_by("css selector", selector).await
    }

    pub async fn has(&self, selector: &str) -> bool {
        self.try_find("css selector", selector).await.is_some()
    }

    pub async fn says(&self, text: &str) -> bool {
        self.text().await.contains(text)
    }

    /// Waits until the page says something, without loading it again.
    pub async fn wait_for(&self, text: &str) {
        let began = Instant::now();
        while !self.says(text).await {
            assert!(began.elapsed() < WAIT, "{} never says {text:?}:\n{}", self.address().await, self.text().await);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until the page no longer says something.
    pub async fn wait_until_gone(&self, text: &str) {
        let began = Instant::now();
        while self.says(text).await {
            assert!(began.elapsed() < WAIT, "{} still says {text:?}:\n{}", self.address().await, self.text().await);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Presses what a CSS selector finds.
    pub async fn click(&self, selector: &str) {
        self.click_by("css selector", selector).await;
    }

    /// Presses a button or follows a link by what stands on it.
    pub async fn press(&self, text: &str) {
        let path = format!("//*[self::button or self::a or self::summary][normalize-space()={text:?}]");
        self.click_by("xpath", &path).await;
    }

    /// A part that goes on by itself may be replaced between finding something in it and pressing it: then once more.
    async fn click_by(&self, how: &str, what: &str) {
        let began = Instant::now();
        loop {
            let element = self.find_by(how, what).await;
            let Err(error) = self.try_call("POST", &format!("/element/{}/click", element.0), json!({})).await else { return };
            assert!(error["error"] == "stale element reference" && began.elapsed() < WAIT, "{what} cannot be pressed: {error}");
        }
    }

    pub async fn fill(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.call("POST", &format!("/element/{}/clear", element.0), json!({})).await;
        self.call("POST", &format!("/element/{}/value", element.0), json!({ "text": text })).await;
    }

    /// Types on the keyboard, wherever the focus is.
    pub async fn keys(&self, text: &str) {
        let strokes = text.chars().flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() })));
        let strokes: Vec<Json> = strokes.collect();
        self.call("POST", "/actions", json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] })).await;
    }

    /// Goes from one to the next with the tab key until the focus is on what a CSS selector finds; it is to be seen at each.
    pub async fn tab_to(&self, selector: &str) {
        self.find(selector).await;
        let look = format!(
            "const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
             const seen = at === document.body || style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.right > 0 && box.top < innerHeight;
             return [at.matches({selector:?}), seen, at.outerHTML.slice(0, 120)]"
        );
        for pressed in 0..STOPS {
            let at = self.run(&look).await;
            // A window that nobody has touched yet has no focus to show.
            assert!(pressed == 0 || at[1] == true, "the focus is not to be seen: {}", at[2]);
            if at[0] == true {
                return;
            }
            self.keys(TAB).await;
        }
        panic!("{selector} is not reached with the keyboard");
    }

    /// What the console of the browser complained of since the last time, but for the status of answers that are meant to refuse.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.call("POST", "/se/log", json!({ "type": "browser" })).await;
        let lines = log.as_array().into_iter().flatten().filter(|line| line["level"] != "DEBUG");
        let told = lines.filter_map(|line| line["message"].as_str()).map(str::to_owned);
        told.filter(|line| !line.contains("the server responded with a status of 4")).collect()
    }

    /// A picture of the whole page.
    pub async fn picture(&self, file: &Path) {
        let all = self.run("return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]").await;
        let clip = json!({ "x": 0, "y": 0, "width": all[0], "height": all[1].as_i64().unwrap_or(900).min(3_000), "scale": 1 });
        let command = json!({ "cmd": "Page.captureScreenshot", "params": { "captureBeyondViewport": true, "clip": clip } });
        let picture = self.call("POST", "/goog/cdp/execute", command).await;
        let bytes = base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base64");
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("made");
        std::fs::write(file, bytes).expect("written");
    }
}
