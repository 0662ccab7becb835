//! A Chromium without a window, driven over its DevTools protocol.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tungstenite::{Message, WebSocket};

/// Longest that any step may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// A browser with one empty page; it ends with this value.
pub struct Browser {
    process: Process,
    socket: WebSocket<TcpStream>,
    asked: u64,
    /// What the browser has told unasked: method and parameters.
    pub events: Vec<(String, Value)>,
}

/// The program and what it writes; both are gone with this value.
struct Process {
    child: Child,
    profile: tempfile::TempDir,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked to go it takes its other processes with it; it may have gone already.
        let _ = self.socket.send(Message::text(json!({ "id": 0, "method": "Browser.close" }).to_string()));
        let start = Instant::now();
        while matches!(self.process.child.try_wait(), Ok(None)) && start.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Browser {
    /// Starts it.
    pub fn start() -> Self {
        let program = stores::find(&stores::CHROMIUM).unwrap_or_else(|error| panic!("{error:#}"));
        let profile = tempfile::tempdir().unwrap();
        let child = Command::new(program)
            .args(["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars"])
            // Its sandbox wants rights that containers and root do not have; it only sees a page of ours.
            .args(["--no-sandbox", "--disable-background-networking", "--disable-component-update"])
            .args(["--remote-debugging-port=0", "--window-size=1280,900"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let process = Process { child, profile };
        let port = wait("the browser's port", || {
            let text = std::fs::read_to_string(process.profile.path().join("DevToolsActivePort")).ok()?;
            text.lines().next()?.parse::<u16>().ok()
        });
        let url = wait("the browser's page", || page_of(port));
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let (socket, _) = tungstenite::client(url, stream).unwrap();
        let mut browser = Self { process, socket, asked: 0, events: Vec::new() };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Goes to an address.
    pub fn go(&mut self, url: &str) {
        self.call("Page.navigate", &json!({ "url": url }));
    }

    /// The value of an expression on the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true });
        self.call("Runtime.evaluate", &parameters)["result"]["value"].take()
    }

    /// Waits until an expression on the page is true.
    pub fn wait(&mut self, expression: &str) {
        let start = Instant::now();
        while self.value(expression) != json!(true) {
            let text = self.value("document.body && document.body.innerText");
            assert!(start.elapsed() < PATIENCE, "never: {expression}; the page says {text}; {:?}", self.complaints());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A picture of the page, PNG as base64.
    pub fn picture(&mut self) -> String {
        let mut picture = self.call("Page.captureScreenshot", &json!({ "captureBeyondViewport": true }));
        picture["data"].take().as_str().unwrap_or_default().to_owned()
    }

    /// Makes the window so wide and high, in pixels of the page.
    pub fn resize(&mut self, width: u32, height: u32, is_dark: bool) {
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", &screen);
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Errors and warnings of the page, uncaught ones and the browser's own.
    pub fn complaints(&self) -> Vec<&Value> {
        let is_complaint = |(method, of): &&(String, Value)| match method.as_str() {
            "Runtime.exceptionThrown" => true,
            "Runtime.consoleAPICalled" => of["type"] != "log",
            "Log.entryAdded" => of["entry"]["level"] != "verbose" && of["entry"]["level"] != "info",
            _ => false,
        };
        self.events.iter().filter(is_complaint).map(|(_, of)| of).collect()
    }

    /// What the page asked for.
    pub fn requests(&self) -> Vec<&str> {
        let requests = self.events.iter().filter(|(method, _)| method == "Network.requestWillBeSent");
        requests.filter_map(|(_, of)| of["request"]["url"].as_str()).collect()
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.asked += 1;
        let asked = self.asked;
        let message = json!({ "id": asked, "method": method, "params": parameters });
        self.socket.send(Message::text(message.to_string())).unwrap();
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < PATIENCE, "{method} is not answered");
            let Some(mut told) = self.read() else { continue };
            if told["id"] == asked {
                assert!(told["error"].is_null(), "{method}: {}", told["error"]);
                return told["result"].take();
            }
            if let Some(method) = told["method"].as_str().map(str::to_owned) {
                self.events.push((method, told["params"].take()));
            }
        }
    }

    /// The next message; none if there is none for a moment.
    fn read(&mut self) -> Option<Value> {
        match self.socket.read() {
            Ok(message) => message.to_text().ok().and_then(|text| serde_json::from_str(text).ok()),
            Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => None,
            Err(error) => panic!("the browser is gone: {error}"),
        }
    }
}

fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what} is not there");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Where the only page is to be spoken to.
fn page_of(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(stream, "GET /json/list HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n").ok()?;
    // It leaves the connection open: the list is there when it can be read.
    let mut answer = Vec::new();
    let pages: Vec<Value> = loop {
        let mut bytes = [0; 4_096];
        let count = stream.read(&mut bytes).ok().filter(|&count| count > 0)?;
        answer.extend_from_slice(&bytes[..count]);
        let text = std::str::from_utf8(&answer).ok()?;
        if let Some(pages) = text.split_once("\r\n\r\n").and_then(|(_, list)| serde_json::from_str(list).ok()) {
            break pages;
        }
    };
    let page = pages.iter().find(|page| page["type"] == "page")?;
    page["webSocketDebuggerUrl"].as_str().map(str::to_owned)
}
